package deliver

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/deliver/account"
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
	talk    func(net.Conn)

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
		{name: "body that would unpack to 64 MiB", talk: then(bomb(64 << 20)), want: Success, status: 200, kept: keptResponse},
		{name: "body longer than it is said to be", talk: then(ok + "Content-Length: 5\r\n\r\nhello, world"), want: Success, status: 200, kept: 5},
		{name: "body shorter than it is said to be", talk: last(ok + "Content-Length: 100\r\n\r\nhello"), want: Connection},
		{name: "body ends between chunks", talk: last(chunked + "5\r\nhello\r\n"), want: Connection},
		{name: "two lengths of the body", talk: then(ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), want: Connection},
		{name: "a length below zero", talk: then(ok + "Content-Length: -1\r\n\r\n"), want: Connection},
		{name: "reset before the answer", talk: reset(""), want: Connection},
		{name: "reset in the headers", talk: reset(ok + "Content-Le"), want: Connection},
		{name: "reset in the body", talk: reset(ok + "Content-Length: 100\r\n\r\nhello"), want: Connection},
		{name: "reset in the handshake", scheme: "https", talk: reset("\x16\x03\x03\x40\x00"), want: Connection},
		{name: "redirects without end", talk: last("HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), want: Redirected, status: 302},
		{name: "reads nothing", payload: 8 << 20, unread: true, talk: nothing, want: Timeout},
		{name: "reads nothing but answers", payload: 8 << 20, unread: true, talk: then("HTTP/1.1 204 No Content\r\n\r\n"), want: Success, status: 204},
	}
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: anything\r\n\r\n"

func nothing(net.Conn) {}

// then says something once and then nothing more.
func then(text string) func(net.Conn) {
	return func(w net.Conn) { _, _ = io.WriteString(w, text) }
}

// last says something and then that there will be no more.
func last(text string) func(net.Conn) {
	return func(w net.Conn) {
		_, _ = io.WriteString(w, text)
		_ = w.(*net.TCPConn).CloseWrite()
	}
}

// reset says something and then drops the connection without a word. What it has
// said may be lost.
func reset(text string) func(net.Conn) {
	return func(w net.Conn) {
		_, _ = io.WriteString(w, text)
		_ = w.(*net.TCPConn).SetLinger(0)
		_ = w.Close()
	}
}

// bomb is an answer that is small until it is unpacked.
func bomb(size int) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for part := make([]byte, 1<<20); size > 0; size -= len(part) {
		_, _ = w.Write(part)
	}
	_ = w.Close()
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), &packed)
}

// endless says something and then something else, as often as it is heard.
func endless(first, more string) func(net.Conn) {
	return func(w net.Conn) {
		_, err := io.WriteString(w, first)
		for part := []byte(strings.Repeat(more, 1+32<<10/len(more))); err == nil; {
			_, err = w.Write(part)
		}
	}
}

// drip says something and then a letter now and then, for as long as it is heard.
func drip(first string) func(net.Conn) {
	return func(w net.Conn) {
		_, err := io.WriteString(w, first)
		for part := []byte("x"); err == nil; time.Sleep(5 * time.Millisecond) {
			_, err = w.Write(part)
		}
	}
}

// serve takes connections until the listener is closed, and tells of each that
// its other side has closed it, and whether it has said anything. What is not to
// be read is read when all is over.
func (h hostile) serve(l net.Listener, over <-chan struct{}, closed chan<- bool) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			n, _ := conn.Read(make([]byte, 1)) // nobody is listening before that
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
			closed <- n > 0
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
		t.Run(h.name, func(t *testing.T) {
			// On a machine that is busy enough an attempt is over before there is a connection, and none is made for
			// it any more: such a call says nothing about the receiver.
			for timeout := patience(h.want); !h.judge(t, timeout); timeout *= 2 {
				require.Equal(t, Timeout, h.want)
			}
		})
	}
}

// judge makes one call, and reports whether the receiver has heard of it.
func (h hostile) judge(t *testing.T, timeout time.Duration) bool {
	t.Helper()
	before := goleak.IgnoreCurrent()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := make(chan bool, 100)
	over, served := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(served)
		h.serve(l, over, closed)
	}()

	client := testkit.Loopback().Client(egress.Pool{})
	c := &caller{book: account.NewBook(testkit.Loopback(), client), timeout: timeout, agent: "Postrider/test"}
	ctx, made := counting(testkit.Context(t))
	payload := make([]byte, max(h.payload, 2))
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	url := cmp.Or(h.scheme, "http") + "://" + l.Addr().String()
	a := c.call(ctx, at(url), plainly(url), &event.Delivery{Event: event.NewID()}, payload)
	runtime.ReadMemStats(&end)
	close(over)

	require.Less(t, a.duration, timeout+20*time.Second)
	require.Less(t, end.TotalAlloc-start.TotalAlloc, uint64(1<<20), "bytes, those of the receiver included")
	var heard bool
	if made.Load() > 0 {
		if h.want == Timeout {
			client.CloseIdleConnections() // one that was there too late to be used
		}
		heard = testkit.Receive(t, closed)
	}
	if heard {
		require.Equal(t, h.want, a.outcome, "%s", a.response)
		require.Equal(t, h.status, a.status)
		if h.status != 0 {
			require.Len(t, a.response, h.kept)
		}
		if h.want == Timeout {
			require.GreaterOrEqual(t, a.duration, timeout)
		}
	}
	require.LessOrEqual(t, made.Load(), int32(1), "one connection for one call")
	require.NoError(t, l.Close())
	testkit.Receive(t, served)
	testkit.Eventually(t, func() bool {
		if h.want == Timeout {
			client.CloseIdleConnections()
		}
		return goleak.Find(before) == nil
	}, "all goroutines of the call end")
	return heard
}

// counting counts the connections that are made for a call.
func counting(ctx context.Context) (context.Context, *atomic.Int32) {
	made := new(atomic.Int32)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, _ string, err error) {
		if err == nil {
			made.Add(1)
		}
	}}), made
}
