package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	errHandshakeTimeout = fmt.Errorf("no TLS handshake within %s: %w", handshakeTimeout, context.DeadlineExceeded)
	errNotNeeded        = fmt.Errorf("connection was not made in the time of its request: %w", context.DeadlineExceeded)
)

// bounded makes connections only in the time that the request has for which each
// is made. Left to itself, package net/http goes on for as long as dialling and the
// handshake may take, in case another request comes: at a receiver where neither
// ever ends, short attempts would leave many more sockets than there are attempts.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if deadline, ok := r.Context().Deadline(); ok {
		r = r.WithContext(context.WithValue(r.Context(), deadlineKey{}, deadline))
	}
	return b.Transport.RoundTrip(r)
}

// deadlineKey is where the context for dialling, which does not end with the
// request, has the request's deadline.
type deadlineKey struct{}

// whileNeeded ends with the deadline of the request that a connection is made for.
func whileNeeded(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Value(deadlineKey{}).(time.Time); ok {
		return context.WithDeadlineCause(ctx, deadline, errNotNeeded)
	}
	return ctx, func() {}
}

// Control is a net.Dialer's ControlContext: called for each address that is
// about to be dialled, it refuses those that the policy does.
func (p Policy) Control(_ context.Context, network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return &BlockedError{Reason: ReasonAddress, Rule: "not an address for TCP"}
	}
	return p.Check(target)
}

// dial connects by the policy, through the proxy if there is one for the host.
func (p Policy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := whileNeeded(ctx)
	defer cancel()
	if p.proxy == nil {
		return p.direct(ctx, network, address)
	}
	host, port, err := split(address)
	if err != nil {
		return nil, err
	}
	if host = strings.ToLower(host); p.proxy.Except.contain(host) {
		return p.direct(ctx, network, address)
	}
	return p.tunnel(ctx, host, port)
}

// direct connects without a proxy. A refusal comes without the error that
// package net puts around it, for that one names the address.
func (p Policy) direct(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.dialer().DialContext(ctx, network, address)
	if blocked, ok := errors.AsType[*BlockedError](err); ok {
		return nil, blocked
	}
	return conn, err
}

func (p Policy) dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, ControlContext: p.Control, Resolver: p.resolver}
}

// split takes an address apart. Its port is a number: it comes from package
// net/http or from us.
func split(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("read address: %w", err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("read port: %w", err)
	}
	return host, uint16(number), nil
}

func join(host string, port uint16) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

// dialTLS connects by the policy and makes the handshake.
func (p Policy) dialTLS(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	raw, err := p.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := whileNeeded(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeoutCause(ctx, handshakeTimeout, errHandshakeTimeout)
	defer cancel()
	config = config.Clone()
	if config.ServerName, _, err = split(address); err != nil {
		_ = raw.Close()
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // it was never used
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return conn, nil
}
