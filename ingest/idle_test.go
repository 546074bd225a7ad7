package ingest

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestShutdownIsQuick: neither a connection on which nothing was ever asked nor
// an idle one holds it up, and whoever asked in time is answered.
func TestShutdownIsQuick(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(asked)
				<-answer
			}
			_, _ = io.WriteString(w, "done")
		}),
	}
	silent := watchSilent(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	idle := dial(t, listener.Addr(), "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
	_, err = idle.Read(make([]byte, 1))
	require.NoError(t, err)
	slow := dial(t, listener.Addr(), "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-asked
	quiet := dial(t, listener.Addr(), "")
	halting := dial(t, listener.Addr(), "GET /quick HT")
	testkit.Eventually(t, func() bool {
		silent.mu.Lock()
		defer silent.mu.Unlock()
		return len(silent.conns) == 2
	}, "two silent connections")

	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- shutdown(testkit.Context(t), server, silent) }()
	for _, conn := range []net.Conn{idle, quiet, halting} {
		_, _ = io.ReadAll(conn) // until it is closed
	}
	close(answer)
	text, err := io.ReadAll(slow)
	require.NoError(t, err)
	require.Contains(t, string(text), "done")
	require.NoError(t, <-done)
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	require.Less(t, time.Since(began), 4*time.Second, "the server alone takes five seconds")
}

func dial(t *testing.T, address net.Addr, send string) net.Conn {
	t.Helper()
	conn, err := net.Dial(address.Network(), address.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(conn, send)
	require.NoError(t, err)
	return conn
}
