package fair

import (
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// slowAfter is the mean duration, or the age of an attempt in flight, from
	// which on an endpoint counts as slow.
	slowAfter = 250 * time.Millisecond

	// firstWindow is how many attempts may be in flight at an endpoint of which
	// nothing is known.
	firstWindow = 4

	// remembered is how many endpoints are remembered that have nothing to do.
	remembered = 50_000
)

// endpoint is what is known of an endpoint.
type endpoint struct {
	id      event.ID
	running usage
	own     int // of those, the ones that came by own lanes
	late    int // of those, the ones that have lasted longer than slowAfter
	waiting int
	window  int           // how many may be in flight: it grows with each success and is halved by each failure
	mean    time.Duration // of the attempts' durations, the newest a quarter; 0: unknown
	slow    bool
	idle    link[*endpoint]
}

// learn draws conclusions from an attempt that has ended.
func (e *endpoint) learn(r Report, most int) {
	if r.Result == None {
		return
	}
	if e.mean == 0 {
		e.mean = r.Took
	} else {
		e.mean += (r.Took - e.mean) / 4
	}
	if r.Result == Success {
		e.window = min(e.window+1, most)
	} else {
		e.window = max(e.window/2, 1)
	}
}

// lagging is how many slots it holds of those that slow endpoints and own lanes
// may hold together.
func (e *endpoint) lagging() int {
	if e.slow {
		return e.running.total()
	}
	return e.own
}

// saturated reports whether one more would have to wait for long.
func (e *endpoint) saturated() bool { return e.slow && e.running.total()+e.waiting >= e.window }

// change does something to what is known of e, and counts its slots anew.
func (s *Scheduler) change(e *endpoint, what func()) {
	s.lagging -= e.lagging()
	what()
	e.slow = e.mean > slowAfter || e.late > 0
	s.lagging += e.lagging()
}

// age looks for attempts that have become late. They are seen when something is
// decided, since nothing depends on them before.
func (s *Scheduler) age(now time.Time) {
	for k := s.young.first; k != nil && now.Sub(k.item.began) > slowAfter; k = s.young.first {
		k.remove()
		j := k.item
		j.late = true
		s.change(j.endpoint, func() { j.endpoint.late++ })
		s.turnAway(j.endpoint)
	}
}

// busy is the verdict about a job that need not wait here at all.
func (*Scheduler) busy(e *endpoint, j *Job) Verdict {
	if j.Lane != OfEndpoint && j.class == first && e.saturated() {
		return Verdict{Answer: EndpointBusy}
	}
	return Verdict{}
}

// turnAway gives back what waits for an endpoint that has become busy.
func (s *Scheduler) turnAway(e *endpoint) {
	_ = e
}

// endpoints are those that have something to do, and some that have not.
type endpoints struct {
	byID map[event.ID]*endpoint
	idle list[*endpoint] // the one that has been idle for longest comes first
}

func (m *endpoints) get(t *Target) *endpoint {
	e := m.byID[t.Endpoint]
	if e == nil {
		e = &endpoint{id: t.Endpoint, window: firstWindow}
		e.idle.item = e
		m.byID[e.id] = e
	}
	e.idle.remove()
	return e
}

// tidy forgets e if it has nothing to do and is like any other; or remembers it,
// and forgets what has been idle for longest.
func (m *endpoints) tidy(e *endpoint) {
	if e.running.total() > 0 || e.waiting > 0 {
		return
	}
	if e.mean == 0 && e.window == firstWindow {
		delete(m.byID, e.id)
		return
	}
	e.idle.move(&m.idle)
	if m.idle.len > remembered {
		oldest := m.idle.first.item
		oldest.idle.remove()
		delete(m.byID, oldest.id)
	}
}
