// Package link is a TCP connection between two processes that can be disturbed
// as a network can: cut off, made to swallow everything, and restored. It
// listens on the loopback address in the place of a server and hands on to it
// what arrives.
package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	maxPairs    = 4096     // connections at once; what comes beyond them is cut off
	bufferSize  = 32 << 10 // bytes, of each direction of a connection
	dialTimeout = 10 * time.Second
)

// Link stands in for one server. It is safe for concurrent use.
type Link struct {
	listener *net.TCPListener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	pairs  []*pair       // the oldest first
	flows  chan struct{} // closed: bytes flow. Open: the link hangs
	closed bool
}

// Listen returns a link to the server at target, an address with a port. The
// server need not be there: until it is, connections are cut off as soon as they
// are made.
func Listen(target string) (*Link, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", target, err)
	}
	l := &Link{listener: listener, target: target, flows: make(chan struct{})}
	close(l.flows)
	l.running.Go(l.accept)
	return l, nil
}

// Addr is where the server is to be called.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Cut resets all connections and returns how many there were. What was under way
// is lost; new connections can be made at once.
func (l *Link) Cut() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pairs {
		p.reset()
	}
	return len(l.pairs)
}

// CutOne resets one connection: of all, counted by age, the nth, where counting
// begins again at the oldest. It tells whether there was one.
func (l *Link) CutOne(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pairs) == 0 {
		return false
	}
	l.pairs[n%len(l.pairs)].reset()
	return true
}

// Hang makes the link swallow everything until Restore: nothing that is sent
// arrives, not even the end of a connection, and nobody is told. A connection
// can still be made, but leads nowhere.
func (l *Link) Hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.flows:
		l.flows = make(chan struct{})
	default: // it hangs already
	}
}

// Restore ends Hang. What was sent meanwhile arrives now, as TCP sends again
// until it is acknowledged.
func (l *Link) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restore()
}

func (l *Link) restore() {
	select {
	case <-l.flows:
	default:
		close(l.flows)
	}
}

// Close cuts all connections and returns when nothing is handed on any more.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closed = true
	l.restore()
	l.mu.Unlock()
	l.Cut()
	err := l.listener.Close()
	l.running.Wait()
	return err
}

func (l *Link) accept() {
	for {
		client, err := l.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as no more files: it passes
			time.Sleep(10 * time.Millisecond)
			continue
		}
		p := &pair{client: client, done: make(chan struct{})}
		if !l.add(p) {
			p.reset()
			continue
		}
		l.running.Go(func() {
			defer l.remove(p)
			l.serve(p)
		})
	}
}

func (l *Link) add(p *pair) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.pairs) >= maxPairs {
		return false
	}
	l.pairs = append(l.pairs, p)
	return true
}

func (l *Link) remove(p *pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, each := range l.pairs {
		if each == p {
			l.pairs = append(l.pairs[:i], l.pairs[i+1:]...)
			return
		}
	}
}

// serve hands on between the two ends of a connection until both have nothing
// more to say, or it is reset.
func (l *Link) serve(p *pair) {
	defer p.reset()
	if !l.pass(p) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.target)
	if err != nil {
		return // nobody there: the client is reset
	}
	if !p.connect(server.(*net.TCPConn)) { //nolint:forcetypeassert // of the network "tcp"
		return
	}
	var directions sync.WaitGroup
	directions.Go(func() { l.pump(p, p.server, p.client) })
	directions.Go(func() { l.pump(p, p.client, p.server) })
	directions.Wait()
	p.end()
}

// pump hands on what comes from one end to the other.
func (l *Link) pump(p *pair, to, from *net.TCPConn) {
	buffer := make([]byte, bufferSize)
	for {
		n, err := from.Read(buffer)
		if !l.pass(p) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				p.reset()
				return
			}
		}
		if err != nil {
			p.finish(to, err)
			return
		}
	}
}

// pass waits while the link hangs, and tells whether the connection is still
// there then.
func (l *Link) pass(p *pair) bool {
	for {
		l.mu.Lock()
		flows := l.flows
		l.mu.Unlock()
		select {
		case <-p.done:
			return false
		case <-flows:
		}
		l.mu.Lock()
		same := flows == l.flows
		l.mu.Unlock()
		if same { // it did not begin to hang again meanwhile
			return true
		}
	}
}
