package bus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Why a bus is not healthy, and what the errors of Publish wrap.
var (
	// ErrDisconnected says that there is no server.
	ErrDisconnected = errors.New("not connected to NATS")

	// ErrSilent says that there is a connection and nobody answers: the server
	// hangs, or its disk does, or what is between it and us.
	ErrSilent = errors.New("NATS does not answer")

	// ErrFull says that a stream has reached its limit. It takes nothing more until
	// something leaves it.
	ErrFull = errors.New("stream is full")

	// ErrNoStream says that a stream is not there, or has no leader at the moment.
	ErrNoStream = errors.New("stream is not there")
)

const (
	// silentAfter is how long no publish may be answered before the server is said
	// to be silent. It takes milliseconds, if no leader has died.
	silentAfter = 2 * time.Second

	// refusedFor is how long a stream is remembered to refuse what is published
	// after it last did: whoever has something for it tries again more often.
	refusedFor = 10 * time.Second

	// A stream that is full and takes something now and then is worked off: that is
	// no standstill before it has taken nothing for so long.
	standstill = 3 * time.Second
)

// state is what this process knows of the server without asking for it.
type state struct {
	denials atomic.Uint64

	mu       sync.Mutex
	denied   *DeniedError         // the last one on this connection
	denying  chan struct{}        // closed at the next one; nil: nobody waits for it
	verified error                // what Verify has found
	waiting  int                  // calls of Publish that wait for an answer
	answered time.Time            // when the last answer came, or the first of them began to wait
	streams  map[string]condition // that refuse what is published
}

// condition is why a stream refuses, when it last did, and when it last took
// something.
type condition struct {
	err   error
	at    time.Time
	taken time.Time
}

// Connected returns ErrDisconnected while there is no server.
func (b *Bus) Connected() error {
	if !b.nc.IsConnected() {
		return ErrDisconnected
	}
	return nil
}

// Health returns why messages cannot be exchanged now, nil when they can, as far
// as this process has noticed. It asks nobody.
func (b *Bus) Health() error {
	if err := b.Connected(); err != nil {
		return err
	}
	return b.state.fault(time.Now())
}

func (s *state) fault(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denied != nil {
		return s.denied
	}
	if s.waiting > 0 && now.Sub(s.answered) > silentAfter {
		return ErrSilent
	}
	faults := []error{s.verified}
	for _, stream := range slices.Sorted(maps.Keys(s.streams)) {
		if c := s.streams[stream]; now.Sub(c.at) < refusedFor && now.Sub(c.taken) > standstill {
			faults = append(faults, fmt.Errorf("%s: %w", stream, c.err))
		}
	}
	return errors.Join(faults...)
}

// Refuses reports whether the stream took nothing when this process published to
// it last, a moment ago; of a divided one the shard that the tenant is in.
func (b *Bus) Refuses(stream string, tenant event.ID) bool {
	if _, ok := divided[stream]; ok {
		stream = event.ShardOf(tenant, b.Shards()).Stream(stream)
	}
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	c, ok := b.state.streams[stream]
	return ok && time.Since(c.at) < refusedFor && c.at.After(c.taken)
}

// connected forgets what was known of the server before.
func (s *state) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied, s.streams, s.answered = nil, nil, time.Now()
}

func (s *state) verify(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified = err
}

// begin counts a call of Publish.
func (s *state) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 {
		s.answered = time.Now()
	}
	s.waiting++
}

// end takes note of how it went: answered says that the server said anything; what
// it said of each stream is why that refused, and whether it took something.
func (s *state) end(answered bool, streams map[string]*said) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	now := time.Now()
	if answered {
		s.answered = now
	}
	for stream, said := range streams {
		c, known := s.streams[stream]
		if said.took {
			c.taken = now
		}
		if said.refused != nil {
			c.err, c.at = said.refused, now
		}
		switch {
		case known && said.refused == nil && now.Sub(c.at) >= refusedFor:
			delete(s.streams, stream)
		case known || said.refused != nil:
			if s.streams == nil {
				s.streams = make(map[string]condition)
			}
			s.streams[stream] = c
		}
	}
}
