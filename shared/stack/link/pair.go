package link

import (
	"errors"
	"io"
	"net"
	"sync"
)

// pair is one connection: that of the client to the link and that of the link to
// the server.
type pair struct {
	client *net.TCPConn
	server *net.TCPConn // nil until it is made

	mu    sync.Mutex
	ended bool
	done  chan struct{} // closed when it has ended
}

// connect adds the server's side, unless the connection was cut meanwhile.
func (p *pair) connect(server *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		_ = server.Close()
		return false
	}
	p.server = server
	return true
}

// finish passes on that one side has nothing more to say, or that it is gone.
func (p *pair) finish(to *net.TCPConn, why error) {
	if !errors.Is(why, io.EOF) || to.CloseWrite() != nil {
		p.reset()
	}
}

// reset ends the connection as an abort does (RST): what was not read is lost.
func (p *pair) reset() { p.close(true) }

// end ends it in order.
func (p *pair) end() { p.close(false) }

func (p *pair) close(abort bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = true
	close(p.done)
	for _, side := range []*net.TCPConn{p.client, p.server} {
		if side == nil {
			continue
		}
		if abort {
			_ = side.SetLinger(0) // closing resets
		}
		_ = side.Close() // nobody is told anything more
	}
}
