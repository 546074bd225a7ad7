package door

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestShutdownIsQuick: neither a connection on which nothing was ever asked nor
// an idle one holds it up, and whoever asked in time is answered.
func TestShutdownIsQuick(t *testing.T) {
	t.Parallel()
	h := newHall(t, Options{})
	idle := dial(t, h.address, get("/quick"))
	requireAnswer(t, idle)
	slow := dial(t, h.address, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-h.asked
	quiet := dial(t, h.address, "")
	halting := dial(t, h.address, "GET /quick HT")
	h.await(t, 2, &h.door.conns.silent)

	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- h.door.Shutdown(testkit.Context(t)) }()
	for _, conn := range []net.Conn{idle, quiet, halting} {
		_, _ = io.ReadAll(conn) // until it is closed
	}
	close(h.answer)
	text, err := io.ReadAll(slow)
	require.NoError(t, err)
	require.Contains(t, string(text), "done")
	require.NoError(t, <-done)
	require.Less(t, time.Since(began), 4*time.Second, "the server alone takes five seconds")
}

// TestCrowd: where no more connections fit, those give way who never asked
// anything, then those who are idle, the oldest first; and when all are at work
// nobody does.
func TestCrowd(t *testing.T) {
	t.Parallel()
	h := newHall(t, Options{Connections: 3})
	idle := dial(t, h.address, get("/quick"))
	requireAnswer(t, idle)
	h.await(t, 1, &h.door.conns.idle)
	quiet := dial(t, h.address, "")
	h.await(t, 1, &h.door.conns.silent)
	halting := dial(t, h.address, "GET /quick HT")
	h.await(t, 2, &h.door.conns.silent)

	first := dial(t, h.address, get("/slow"))
	<-h.asked
	requireClosed(t, quiet)
	second := dial(t, h.address, get("/slow"))
	<-h.asked
	requireClosed(t, halting)
	third := dial(t, h.address, get("/slow"))
	<-h.asked
	requireClosed(t, idle)
	requireClosed(t, dial(t, h.address, ""))
	close(h.answer)
	for _, conn := range []net.Conn{first, second, third} {
		requireAnswer(t, conn)
	}
	h.await(t, 3, &h.door.conns.idle)
	requireAnswer(t, dial(t, h.address, get("/quick")))
	for reason, n := range map[string]float64{cutSilent: 2, cutIdle: 2, cutFull: 1, cutAddress: 0} {
		require.InDelta(t, n, testutil.ToFloat64(h.door.conns.cut.WithLabelValues(reason)), 0, reason)
	}
}

// TestAddressHasItsShare: one address cannot have all connections, unless it is a
// proxy's; and what it closes it may open again.
func TestAddressHasItsShare(t *testing.T) {
	t.Parallel()
	proxies := networks(t, "127.0.0.2/32")
	h := newHall(t, Options{Connections: 100, PerAddress: 2, Trusted: proxies})
	one, two := dialFrom(t, "127.0.0.1", h.address), dialFrom(t, "127.0.0.1", h.address)
	h.await(t, 2, &h.door.conns.silent)
	requireClosed(t, dialFrom(t, "127.0.0.1", h.address))
	for range 5 {
		requireAnswer(t, ask(t, dialFrom(t, "127.0.0.2", h.address)))
	}
	requireAnswer(t, ask(t, dialFrom(t, "127.0.0.3", h.address)))
	requireAnswer(t, ask(t, one))
	require.NoError(t, two.Close())
	h.await(t, 0, &h.door.conns.silent)
	requireAnswer(t, ask(t, dialFrom(t, "127.0.0.1", h.address)))
}

// hall is a door that serves.
type hall struct {
	door          *Door
	address       string
	asked, answer chan struct{} // of /slow
}

func newHall(t *testing.T, o Options) *hall {
	t.Helper()
	h := &hall{asked: make(chan struct{}), answer: make(chan struct{})}
	o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			h.asked <- struct{}{}
			<-h.answer
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "done by "+r.Proto)
	})
	if o.Connections == 0 {
		o.Connections = 100
	}
	if o.PerAddress == 0 {
		o.PerAddress = o.Connections + 1
	}
	o.Reg, o.Log = prometheus.NewRegistry(), testkit.Log(t)
	h.door = New(o)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- h.door.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, h.door.server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return h
}

// await waits until so many connections are in a queue.
func (h *hall) await(t *testing.T, n int, queue interface{ Len() int }) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		h.door.conns.mu.Lock()
		defer h.door.conns.mu.Unlock()
		return queue.Len() == n
	}, "%d connections wait", n)
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

func dial(t *testing.T, address, send string) net.Conn {
	t.Helper()
	return say(t, dialFrom(t, "127.0.0.1", address), send)
}

func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}

func say(t *testing.T, conn net.Conn, text string) net.Conn {
	t.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
	return conn
}

func ask(t *testing.T, conn net.Conn) net.Conn {
	t.Helper()
	return say(t, conn, get("/quick"))
}

func requireAnswer(t *testing.T, conn net.Conn) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

func requireClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.Zero(t, n)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is open")
}
