package ingest

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// silentGrace is how long a connection may stay without a request once the
// server shuts down: one that was made a moment ago has its request on its way.
const silentGrace = 250 * time.Millisecond

// silent is the connections of a server on which no request has come in yet.
// The server itself waits five seconds for each of them when it shuts down, and
// load balancers and browsers open such connections ahead of need.
type silent struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// watchSilent follows the connections of a server that does not serve yet.
func watchSilent(server *http.Server) *silent {
	s := &silent{conns: make(map[net.Conn]struct{})}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if state == http.StateNew {
			s.conns[conn] = struct{}{}
		} else {
			delete(s.conns, conn)
		}
	}
	return s
}

func (s *silent) close() {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close() // nothing was said on it
	}
}

// shutdown takes no more connections, closes those that are idle or silent and
// returns when every request that came in is answered, or ctx has ended.
func shutdown(ctx context.Context, server *http.Server, s *silent) error {
	timer := time.AfterFunc(silentGrace, s.close)
	defer timer.Stop()
	return server.Shutdown(ctx)
}
