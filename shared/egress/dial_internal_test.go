package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDialEndsWithItsRequest makes a connection at a receiver that never begins
// its handshake.
func TestDialEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p := NewPolicy([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	ctx := context.WithValue(t.Context(), deadlineKey{}, time.Now().Add(200*time.Millisecond))
	_, err = p.dialTLS(ctx, "tcp", l.Addr().String(), &tls.Config{MinVersion: tls.VersionTLS12})
	require.ErrorIs(t, err, errNotNeeded, "and not because handshakes may not take longer")
	conn, err := l.Accept()
	require.NoError(t, err)
	defer conn.Close()
	hello := make([]byte, 64<<10)
	for err == nil {
		_, err = conn.Read(hello)
	}
	require.NotErrorIs(t, err, net.ErrClosed, "it is the caller who has closed it")
}

// TestDialKnowsTheDeadline looks at what the context for dialling has of the
// request's.
func TestDialKnowsTheDeadline(t *testing.T) {
	t.Parallel()
	stop := errors.New("not today")
	var got []time.Time
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := whileNeeded(ctx)
		defer cancel()
		deadline, _ := ctx.Deadline()
		got = append(got, deadline)
		return nil, stop
	}
	client := Policy{}.Client(Pool{})
	transport := client.Transport.(bounded)
	transport.DialContext, transport.DialTLSContext = dial, dial
	want := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), want)
	defer cancel()
	for _, url := range []string{"http://example.com/", "https://example.com/"} {
		for _, ctx := range []context.Context{ctx, t.Context()} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
			require.NoError(t, err)
			_, err = client.Do(r) //nolint:bodyclose // there is no answer
			require.ErrorIs(t, err, stop)
		}
	}
	require.Equal(t, []time.Time{want, {}, want, {}}, got)
}
