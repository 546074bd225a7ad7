package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/postrider/postrider/shared/secret"
)

// What can go wrong at a proxy, beside a connection that fails.
var (
	errNoTunnel      = fmt.Errorf("no tunnel within %s: %w", dialTimeout, context.DeadlineExceeded)
	errUnreachable   = errors.New("the proxy cannot reach the host")
	errProxyRefuses  = &BlockedError{Reason: ReasonAddress, Rule: "the proxy's"}
	errProxyLogin    = errors.New("it does not accept our user and password")
	errProxyProtocol = errors.New("it does not speak its protocol")
)

// ProxyError says that the proxy of the installation could not be used: it is
// away, or does not want us. It says nothing about the host asked for, to which
// no way without the proxy was tried.
type ProxyError struct{ Err error }

// Error returns a text for operators. It has no password, but may have the
// proxy's address.
func (e *ProxyError) Error() string { return "use proxy: " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *ProxyError) Unwrap() error { return e.Err }

// Proxy is a forward proxy through which connections are made. Each is a tunnel,
// for http as for https: the proxy passes bytes on and cannot answer in the name
// of a receiver.
//
// Names are resolved by the proxy unless Resolve is set, so it is the proxy then
// that has to refuse those that lead to private addresses; what can be said of
// a name, a port or a literal address without resolving is refused here.
type Proxy struct {
	// Except are the hosts that are dialled without the proxy.
	Except Hosts
	// Resolve looks names up here, judges what they lead to, and tells the
	// proxy addresses only.
	Resolve bool

	scheme   string // http, https or socks5
	host     string
	port     string
	login    bool // it wants to know who we are
	user     string
	password secret.String
	roots    *x509.CertPool // nil for the system's; tests have their own
}

// ParseProxy reads the URL of a proxy, as in https://user:password@host:3128.
// The errors do not quote it.
func ParseProxy(raw secret.String) (*Proxy, error) {
	u, err := url.Parse(raw.Reveal())
	ports := map[string]string{"http": "80", "https": "443", "socks5": "1080"}
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case ports[u.Scheme] == "":
		return nil, errors.New("must be http://, https:// or socks5://")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must end after the port")
	}
	port := cmp.Or(u.Port(), ports[u.Scheme])
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, errors.New("has no such port")
	}
	password, _ := u.User.Password()
	if u.Scheme == "socks5" && (len(u.User.Username()) > 255 || len(password) > 255) {
		return nil, errors.New("has a user or a password of over 255 bytes, more than SOCKS can say")
	}
	return &Proxy{
		scheme: u.Scheme, host: u.Hostname(), port: port,
		login: u.User != nil, user: u.User.Username(), password: secret.New(password),
	}, nil
}

// String returns where the proxy is, without user and password.
func (x *Proxy) String() string { return x.scheme + "://" + x.address() }

func (x *Proxy) address() string { return net.JoinHostPort(x.host, x.port) }

// GoString is String, so that %#v tells no more.
func (x *Proxy) GoString() string { return x.String() }

// Through makes all connections go through the proxy; nil is none. The proxy
// itself may be anywhere: its address is the operator's choice. That opens it to
// no one else: a URL that names it is judged like any other.
func Through(proxy *Proxy) Option {
	return func(p *Policy) { p.proxy = proxy }
}

// tunnel connects through the proxy to what the policy lets be asked for.
func (p Policy) tunnel(ctx context.Context, host string, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, errNoTunnel)
	defer cancel()
	targets, err := p.targets(ctx, host, port)
	if err != nil {
		return nil, err
	}
	var first error
	for _, target := range targets {
		conn, err := p.proxy.dial(ctx, target)
		_, hopeless := errors.AsType[*ProxyError](err)
		if err == nil || hopeless || ctx.Err() != nil {
			return conn, err
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// targets returns what the proxy may be asked for, in the order of trying: the
// host as it is, or the addresses that it has.
func (p Policy) targets(ctx context.Context, host string, port uint16) ([]string, error) {
	if err := p.checkHost(host, port); err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil || !p.proxy.Resolve {
		return []string{join(host, port)}, nil
	}
	found, err := cmp.Or(p.resolver, net.DefaultResolver).LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var allowed []string
	var refused error
	for _, addr := range found {
		if err := p.Check(netip.AddrPortFrom(addr, port)); err != nil {
			refused = cmp.Or(refused, err)
			continue
		}
		allowed = append(allowed, join(addr.Unmap().String(), port))
	}
	if len(allowed) == 0 {
		return nil, refused
	}
	return allowed, nil
}

// dial connects to the proxy and has it connect to target.
func (x *Proxy) dial(ctx context.Context, target string) (net.Conn, error) {
	conn, err := x.reach(ctx)
	if err != nil {
		return nil, &ProxyError{Err: err}
	}
	ask := x.connect
	if x.scheme == "socks5" {
		ask = x.socks
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = ask(conn, target)
	if !stop() {
		err = cmp.Or(err, errNoTunnel)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// awaited names what came instead of the proxy's answer. That none came in time
// is the fault of the host: the proxy has taken what it was asked.
func awaited(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errNoTunnel
	}
	return &ProxyError{Err: fmt.Errorf("%w: %w", errProxyProtocol, err)}
}

// reach connects to the proxy itself. Its address is not judged.
func (x *Proxy) reach(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: keepAlive}
	conn, err := dialer.DialContext(ctx, "tcp", x.address())
	if err != nil || x.scheme != "https" {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{ServerName: x.host, RootCAs: x.roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}
