package deliver

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// hostile is a receiver that talks on the bare connection, until that is closed.
type hostile struct {
	name    string
	scheme  string // empty: http
	payload int    // bytes
	unread  bool   // all but the first byte of the request is not read until the call has ended
	talk    func(io.Writer)

	want   Outcome
	status int // 0: none is recorded
	kept   int // bytes of the answer
}

// hostiles are all ways to waste a caller's time or memory that we know of.
func hostiles() []hostile {
	const ok = "HTTP/1.1 200 OK\r\n"
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	return []hostile{
		{name: "no answer", talk: nothing, want: Timeout},
		{name: "no handshake", scheme: "https", talk: nothing, want: Timeout},
		{name: "handshake drips", scheme: "https", talk: drip("\x16\x03\x03\x40\x00"), want: Timeout},
		{name: "headers drip", talk: drip(ok + "X-Slow: "), want: Timeout},
		{name: "body drips", talk: drip(ok + "Content-Length: 10000\r\n\r\n"), want: Timeout},
		{name: "body stops", talk: then(chunked + "5\r\nhello\r\n"), want: Timeout},
		{name: "body is said to be huge", talk: then(ok + "Content-Length: 9223372036854775807\r\n\r\nhello"), want: Timeout},
		{name: "body without end", talk: endless(chunked, "400\r\n"+strings.Repeat("x", 0x400)+"\r\n"), want: Success, status: 200, kept: keptResponse},
		{name: "body without end or frame", talk: endless(ok+"\r\n", strings.Repeat("x", 1024)), want: Success, status: 200, kept: keptResponse},
		{name: "headers without end", talk: endless(ok, "X-More: "+strings.Repeat("x", 100)+"\r\n"), want: Connection},
		{name: "header line without end", talk: endless(ok+"X-Long: ", strings.Repeat("x", 1024)), want: Connection},
		{name: "early hints without end", talk: endless("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), want: Connection},
		{name: "chunk header without end", talk: endless(chunked+"5;", strings.Repeat("x", 1024)), want: Connection},
		{name: "chunks of one byte, and much about them", talk: endless(chunked, "1;"+strings.Repeat("x", 2048)+"\r\nx\r\n"), want: Connection},
		{name: "trailers without end", talk: endless(chunked+"0\r\n", "X-More: "+strings.Repeat("x", 100)+"\r\n"), want: Connection},
		{name: "not HTTP, and without end", talk: endless("", strings.Repeat("x", 1024)), want: Connection},
		{name: "another protocol, and silence", talk: then(switching), want: Rejected, status: 101},
		{name: "another protocol without end", talk: endless(switching, strings.Repeat("x", 1024)), want: Rejected, status: 101},
		{name: "reads nothing", payload: 8 << 20, unread: true, talk: nothing, want: Timeout},
		{name: "reads nothing but answers", payload: 8 << 20, unread: true, talk: then("HTTP/1.1 204 No Content\r\n\r\n"), want: Success, status: 204},
	}
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: anything\r\n\r\n"

func nothing(io.Writer) {}

// then says something once and then nothing more.
func then(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) }
}

// endless says something and then something else, as often as it is heard.
func endless(first, more string) func(io.Writer) {
	return func(w io.Writer) {
		_, err := io.WriteString(w, first)
		for part := []byte(strings.Repeat(more, 1+32<<10/len(more))); err == nil; {
			_, err = w.Write(part)
		}
	}
}

// drip says something and then a letter now and then, for as long as it is heard.
func drip(first string) func(io.Writer) {
	return func(w io.Writer) {
		_, err := io.WriteString(w, first)
		for part := []byte("x"); err == nil; time.Sleep(5 * time.Millisecond) {
			_, err = w.Write(part)
		}
	}
}

// serve takes connections until the listener is closed, and tells of each that
// its other side has closed it. What is not to be read is read when all is over.
func (h hostile) serve(l net.Listener, over <-chan struct{}, closed chan<- struct{}) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { closed <- struct{}{} }()
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 1)) // nobody is listening before that
			heard := make(chan struct{})
			go func() {
				defer close(heard)
				if h.unread {
					<-over
				}
				_, _ = io.Copy(io.Discard, conn) // until it is closed
			}()
			h.talk(conn)
			<-heard
		}()
	}
}

// patience is how long an attempt may take: not long where that is what ends it,
// and else long enough for any machine.
func patience(want Outcome) time.Duration {
	if want == Timeout {
		return 300 * time.Millisecond
	}
	return 30 * time.Second
}

// TestHostileReceivers calls them one by one, so that what a call costs can be
// seen: each ends in its time, keeps nothing of the connection, and takes no more
// memory than an answer may have. Not in parallel: it counts the goroutines and
// bytes of the process.
func TestHostileReceivers(t *testing.T) {
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) { h.judge(t) })
	}
}

func (h hostile) judge(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := make(chan struct{}, 100)
	over, served := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(served)
		h.serve(l, over, closed)
	}()

	timeout := patience(h.want)
	c := &caller{client: loopback().Client(egress.Pool{}), timeout: timeout, agent: "Postrider/test"}
	scheme := h.scheme
	if scheme == "" {
		scheme = "http"
	}
	payload := make([]byte, max(h.payload, 2))
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	a := c.call(testkit.Context(t), at(scheme+"://"+l.Addr().String()), &event.Delivery{Event: event.NewID()}, payload)
	runtime.ReadMemStats(&end)
	close(over)

	require.Equal(t, h.want, a.outcome, "%s", a.response)
	require.Equal(t, h.status, a.status)
	if h.status != 0 {
		require.Len(t, a.response, h.kept)
	}
	if h.want == Timeout {
		require.GreaterOrEqual(t, a.duration, timeout)
	}
	require.Less(t, a.duration, 20*time.Second)
	require.Less(t, end.TotalAlloc-start.TotalAlloc, uint64(1<<20), "bytes, those of the receiver included")

	testkit.Receive(t, closed)
	require.NoError(t, l.Close())
	testkit.Receive(t, served)
	require.Empty(t, closed, "one connection for one call")
	testkit.Eventually(t, func() bool { return goleak.Find(before) == nil }, "all goroutines of the call end")
}
