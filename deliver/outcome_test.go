package deliver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/account"
	"github.com/postrider/postrider/shared/egress"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Outcome{
		200: Success, 204: Success, 299: Success,
		300: Redirected, 301: Redirected, 302: Redirected, 304: Redirected, 399: Redirected,
		400: Rejected, 401: Rejected, 404: Rejected, 408: Rejected, 500: Rejected, 501: Rejected, 599: Rejected, 600: Rejected,
		410: Gone, 429: Throttled, 502: Throttled, 503: Throttled, 504: Throttled,
	} {
		require.Equal(t, want, decide(status, nil), "status %d", status)
	}
	for _, tt := range []struct {
		err  error
		want Outcome
	}{
		{&egress.BlockedError{Reason: egress.ReasonAddress}, Blocked},
		{&egress.ProxyError{Err: syscall.ECONNREFUSED}, Proxy},
		{&egress.ProxyError{Err: context.DeadlineExceeded}, Proxy},
		{context.DeadlineExceeded, Timeout},
		{errAttemptTimeout, Timeout},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, Timeout},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, DNS},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, TLS},
		{&net.OpError{Op: "local error", Err: errors.New("tls: protocol version not supported")}, TLS},
		{fmt.Errorf("use: %w", account.ErrUnusable), TLS},
		{&account.TokenError{Reason: "r"}, NoToken},
		{x509.UnknownAuthorityError{}, TLS},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}, TLS},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Connection},
		{io.ErrUnexpectedEOF, Connection},
		{errors.New("anything else"), Connection},
	} {
		require.Equal(t, tt.want, decide(0, fmt.Errorf("post: %w", tt.err)), "%v", tt.err)
		require.Equal(t, tt.want, decide(200, fmt.Errorf("read: %w", tt.err)), "an answer that breaks off is none: %v", tt.err)
	}
}

func TestOutcomesAreClosed(t *testing.T) {
	t.Parallel()
	for status := range 1000 {
		require.Contains(t, Outcomes(), decide(status, nil))
	}
	for _, o := range Outcomes() {
		require.NotEmpty(t, o.explain())
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(Outcomes()))), len(Outcomes()))
}
