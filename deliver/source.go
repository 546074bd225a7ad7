package deliver

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// movesInFlight bounds the deliveries of one lane that are on their way to another.
const movesInFlight = 32

// source is a lane that this worker takes deliveries from.
type source struct {
	name  string      // that attempts remember
	lane  *lanes.Lane // nil: a shared one
	moves *semaphore.Weighted
	hand  hand
}

func newSource(name string, own *lanes.Lane) *source {
	return &source{name: name, lane: own, moves: semaphore.NewWeighted(movesInFlight)}
}

func (s *source) isOwn() bool { return s.lane != nil }

// held reports whether jobs of the lane may be started.
func (s *source) held() bool { return s.lane == nil || s.lane.Held() }

func (s *source) kind() fair.Lane {
	switch {
	case s.lane == nil:
		return fair.Shared
	case s.lane.Endpoint.IsZero():
		return fair.OfTenant
	default:
		return fair.OfEndpoint
	}
}

// elsewhere is the lane that a delivery to the endpoint belongs in if that is not
// this one. The lane of an endpoint is the last on the way: nothing is moved back.
func (s *source) elsewhere(e *directory.Endpoint, d *event.Delivery) event.OwnLane {
	home := e.Home(d)
	if e.Disabled || s.kind() == fair.OfEndpoint || s.lane != nil && s.lane.OwnLane == home {
		return event.OwnLane{}
	}
	return home
}

// hand counts the jobs of a lane that this worker holds.
type hand struct {
	mu      sync.Mutex
	waiting int // for their turn
	begun   int
	given   map[uint64]struct{} // back, by their place in the stream, with nothing done to them ever
	changed chan struct{}       // closed at the next change; nil while nobody waits
}

// take counts a message that has come, and reports whether nobody has ever worked
// on it.
func (h *hand) take(m *bus.Msg) (untouched bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, given := h.given[m.Sequence]
	delete(h.given, m.Sequence)
	h.waiting++
	return given || m.Deliveries == 1
}

func (h *hand) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	h.begun++
	h.tell()
}

func (h *hand) end(m *bus.Msg, unstarted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun--
	if unstarted {
		if h.given == nil {
			h.given = make(map[uint64]struct{})
		}
		h.given[m.Sequence] = struct{}{}
	}
	h.tell()
}

func (h *hand) tell() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// counts returns how many jobs are held, and what is closed when that changes.
func (h *hand) counts() (waiting, begun int, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.waiting, h.begun, h.changed
}

// unstarted is how many messages were given back with nothing done to them.
func (h *hand) unstarted() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.given)
}

// idle reports whether no job is held.
func (h *hand) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting+h.begun == 0
}

// settle waits until no job waits for its turn and, if all is set, none is held.
func (h *hand) settle(ctx context.Context, all bool) {
	for {
		waiting, begun, changed := h.counts()
		if waiting == 0 && (begun == 0 || !all) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
