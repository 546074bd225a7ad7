package testkit

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// Wire is the network between one client and a server. It can stand still, which
// is what a stopped process or a partition looks like to both, and it can break.
type Wire struct {
	listener net.Listener
	server   *url.URL
	pumps    sync.WaitGroup

	mu     sync.Mutex
	moves  *sync.Cond
	frozen bool
	broken bool
	conns  []net.Conn
}

// NewWire returns a wire to the server of a URL. It breaks when the test ends.
func NewWire(t testing.TB, server string) *Wire {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{listener: l, server: u}
	w.moves = sync.NewCond(&w.mu)
	w.pumps.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.Freeze(false)
		w.Cut()
		w.pumps.Wait()
	})
	return w
}

// URL is the server's, over the wire.
func (w *Wire) URL() string {
	u := *w.server
	u.Host = w.listener.Addr().String()
	return u.String()
}

// Freeze has the wire stand still, or go on where it was.
func (w *Wire) Freeze(frozen bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = frozen
	w.moves.Broadcast()
}

// Cut breaks all connections for good: the process at one end has died.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	w.drop()
}

// Interrupt breaks all connections; new ones can be made.
func (w *Wire) Interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
}

func (w *Wire) drop() {
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *Wire) accept() {
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

func (w *Wire) pump(from, to net.Conn) {
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
