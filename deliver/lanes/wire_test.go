package lanes

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is the network between one worker and the server. It can stand still, which
// is what a stopped process or a partition looks like to both, and it can break.
type wire struct {
	t        *testing.T
	listener net.Listener
	server   *url.URL
	pumps    sync.WaitGroup

	mu     sync.Mutex
	moves  *sync.Cond
	frozen bool
	broken bool
	conns  []net.Conn
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{t: t, listener: l, server: u}
	w.moves = sync.NewCond(&w.mu)
	w.pumps.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.freeze(false)
		w.cut()
		w.pumps.Wait()
	})
	return w
}

// url is the server's, over the wire.
func (w *wire) url() string {
	u := *w.server
	u.Host = w.listener.Addr().String()
	return u.String()
}

// freeze has the wire stand still, or go on where it was.
func (w *wire) freeze(frozen bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = frozen
	w.moves.Broadcast()
}

// cut breaks all connections for good: the worker's process has died.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	w.drop()
}

// interrupt breaks all connections; new ones can be made.
func (w *wire) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
}

func (w *wire) drop() {
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *wire) accept() {
	for {
		here, err := w.listener.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("tcp", w.server.Host)
		w.mu.Lock()
		if err != nil || w.broken {
			_ = here.Close()
			if err == nil {
				_ = there.Close()
			}
			w.mu.Unlock()
			continue
		}
		w.conns = append(w.conns, here, there)
		w.mu.Unlock()
		w.pumps.Go(func() { w.pump(here, there) })
		w.pumps.Go(func() { w.pump(there, here) })
	}
}

func (w *wire) pump(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		for w.frozen {
			w.moves.Wait()
		}
		w.mu.Unlock()
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}
