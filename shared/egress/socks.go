package egress

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// What SOCKS 5 calls things (RFC 1928, RFC 1929).
const (
	socksVersion = 5
	socksConnect = 1

	socksNoLogin  = 0
	socksPassword = 2

	socksIPv4 = 1
	socksName = 3
	socksIPv6 = 4

	socksNotAllowed = 2 // by its rules
	socksLastReason = 6 // those above speak of the protocol
)

// socks asks a SOCKS proxy for a connection.
func (x *Proxy) socks(conn net.Conn, target string) error {
	if err := x.socksLogin(conn); err != nil {
		return &ProxyError{Err: err}
	}
	request, err := socksRequest(target)
	if err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return &ProxyError{Err: err}
	}
	reply, err := socksReply(conn)
	if err != nil {
		return awaited(err)
	}
	switch {
	case reply == 0:
		return nil
	case reply == socksNotAllowed:
		return errProxyRefuses
	case reply <= socksLastReason:
		return errUnreachable
	default:
		return &ProxyError{Err: fmt.Errorf("it replies %d", reply)}
	}
}

// socksLogin agrees on how we say who we are, and says it.
func (x *Proxy) socksLogin(conn net.Conn) error {
	method := byte(socksNoLogin)
	if x.login {
		method = socksPassword
	}
	if _, err := conn.Write([]byte{socksVersion, 1, method}); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("%w: %w", errProxyProtocol, err)
	}
	switch {
	case answer[0] != socksVersion:
		return errProxyProtocol
	case answer[1] != method:
		return errProxyLogin
	case method == socksNoLogin:
		return nil
	}
	login := counted(counted([]byte{1}, x.user), x.password.Reveal())
	if _, err := conn.Write(login); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("%w: %w", errProxyProtocol, err)
	}
	if answer[1] != 0 {
		return errProxyLogin
	}
	return nil
}

// socksRequest asks for target: a name of at most 255 bytes or an address, and a
// port.
func socksRequest(target string) ([]byte, error) {
	host, port, err := split(target)
	if err != nil {
		return nil, err
	}
	request := []byte{socksVersion, socksConnect, 0}
	if addr, err := netip.ParseAddr(host); err == nil {
		kind := byte(socksIPv6)
		if addr = addr.Unmap(); addr.Is4() {
			kind = socksIPv4
		}
		request = append(append(request, kind), addr.AsSlice()...)
	} else {
		request = counted(append(request, socksName), host)
	}
	return binary.BigEndian.AppendUint16(request, port), nil
}

// counted appends text and, before it, its length, which is at most 255: of a name
// checkHost has seen to it, of user and password ParseProxy.
func counted(buf []byte, text string) []byte {
	return append(append(buf, byte(len(text))), text...) //nolint:gosec // see above
}

// socksReply reads the reply, to the end of the address in it that nobody needs.
func socksReply(conn io.Reader) (byte, error) {
	var head [5]byte // and the first byte of the address, which may be its length
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return 0, err
	}
	rest := map[byte]int{socksIPv4: 4 - 1, socksIPv6: 16 - 1, socksName: int(head[4])}
	length, ok := rest[head[3]]
	if head[0] != socksVersion || !ok {
		return 0, fmt.Errorf("version %d, address of kind %d", head[0], head[3])
	}
	if _, err := io.ReadFull(conn, make([]byte, length+2)); err != nil {
		return 0, err
	}
	return head[1], nil
}
