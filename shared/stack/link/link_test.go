package link_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/shared/stack/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that sends back every line. It ends with the test.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

func open(t *testing.T, target string) *link.Link {
	t.Helper()
	l, err := link.Listen(target)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// client is one connection through a link.
type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, l *link.Link) client {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return client{conn, bufio.NewReader(conn)}
}

func (c client) say(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(c, line+"\n")
	require.NoError(t, err)
}

func (c client) hear(t *testing.T, line string) {
	t.Helper()
	heard, err := c.lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, line+"\n", heard)
}

// requireCut waits until the connection is reset.
func (c client) requireCut(t *testing.T) {
	t.Helper()
	_, err := c.lines.ReadString('\n')
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestPassesOn(t *testing.T) {
	t.Parallel()
	l := open(t, echo(t))
	c := dial(t, l)
	c.say(t, "one")
	c.hear(t, "one")
	c.say(t, "two")
	require.NoError(t, c.Conn.(*net.TCPConn).CloseWrite())
	c.hear(t, "two")
	_, err := c.lines.ReadByte()
	require.ErrorIs(t, err, io.EOF, "the end passes too, in order")
}

func TestCut(t *testing.T) {
	t.Parallel()
	l := open(t, echo(t))
	a, b := dial(t, l), dial(t, l)
	for _, c := range []client{a, b} {
		c.say(t, "here")
		c.hear(t, "here")
	}
	require.Equal(t, 2, l.Cut())
	a.requireCut(t)
	b.requireCut(t)
	c := dial(t, l)
	c.say(t, "again")
	c.hear(t, "again")
}

func TestCutOne(t *testing.T) {
	t.Parallel()
	l := open(t, echo(t))
	require.False(t, l.CutOne(0), "there is none")
	clients := []client{dial(t, l), dial(t, l), dial(t, l)}
	for _, c := range clients {
		c.say(t, "here")
		c.hear(t, "here") // so it is counted, after those before it
	}
	require.True(t, l.CutOne(4))
	clients[1].requireCut(t)
	for _, c := range []client{clients[0], clients[2]} {
		c.say(t, "still here")
		c.hear(t, "still here")
	}
}

// TestHang: nothing arrives, nobody is told, and what was sent meanwhile arrives
// after.
func TestHang(t *testing.T) {
	t.Parallel()
	l := open(t, echo(t))
	c := dial(t, l)
	c.say(t, "before")
	c.hear(t, "before")
	l.Hang()
	l.Hang()
	late := dial(t, l)
	c.say(t, "meanwhile")
	late.say(t, "leads nowhere")
	for _, each := range []client{c, late} {
		require.NoError(t, each.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, err := each.lines.ReadByte()
		var timeout net.Error
		require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
		require.NoError(t, each.SetDeadline(time.Now().Add(time.Minute)))
	}
	l.Restore()
	c.hear(t, "meanwhile")
	late.hear(t, "leads nowhere")
}

// TestCutWhileItHangs: what was on its way never arrives.
func TestCutWhileItHangs(t *testing.T) {
	t.Parallel()
	l := open(t, echo(t))
	c := dial(t, l)
	c.say(t, "before")
	c.hear(t, "before")
	l.Hang()
	c.say(t, "lost")
	l.Cut()
	c.requireCut(t)
	l.Restore()
}

// TestNobodyThere: a server that is away looks like one, and can come back.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	target := listener.Addr().String()
	require.NoError(t, listener.Close())
	l := open(t, target)
	conn, err := net.Dial("tcp", l.Addr())
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNRESET, "as it is made, or soon after")
}

func TestCloseWhileItHangs(t *testing.T) {
	t.Parallel()
	l, err := link.Listen(echo(t))
	require.NoError(t, err)
	c := dial(t, l)
	c.say(t, "here")
	c.hear(t, "here")
	l.Hang()
	require.NoError(t, l.Close())
	c.requireCut(t)
	_, err = net.Dial("tcp", l.Addr())
	require.Error(t, err)
}
