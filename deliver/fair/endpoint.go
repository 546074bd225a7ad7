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
	tenant  event.ID
	rate    int // as it is set now
	running usage
	own     int // of those, the ones that came by own lanes
	late    int // of those, the ones that have lasted longer than slowAfter
	waiting int
	window  int           // how many may be in flight: it grows with each success and is halved by each failure
	mean    time.Duration // of the attempts' durations, the newest a quarter; 0: unknown
	slow    bool
	rest    rest
	breaker breaker
	changed signal
	place   link[*endpoint] // among the active or the idle
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

// lags reports whether the job, once it runs, is one of those.
func (j *Job) lags() bool { return j.Lane != Shared || j.endpoint.slow }

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
		s.turnAway(j.endpoint, now)
	}
}

// meet returns what is known of the endpoint, with what the directory says.
func (s *Scheduler) meet(t *Target, now time.Time) *endpoint {
	e := s.endpoints.get(t)
	e.rate = t.Rate
	if e.breaker.hear(t.Broken, now) {
		e.window = 1
		e.changed.raise()
		s.turnAway(e, now)
	}
	return e
}

// busy is the verdict about a job that need not wait here at all.
func (e *endpoint) busy(j *Job, now time.Time) Verdict {
	others := e.waiting
	if j.place.in != nil { // it is among them
		others--
	}
	switch {
	case e.breaker.isOpen() && now.Before(e.breaker.open.Probe):
		return Verdict{Answer: EndpointBusy, Until: e.breaker.open.Probe}
	case e.breaker.isOpen() && (j.Lane != OfEndpoint || others > 0 || !e.breaker.ready(now)):
		return Verdict{Answer: EndpointBusy}
	case e.restsTooLong(j, now):
		return Verdict{Answer: EndpointBusy, Until: e.rest.until}
	case e.slow && j.Lane != OfEndpoint && j.class == first && e.full(j):
		return Verdict{Answer: EndpointBusy}
	default:
		return Verdict{}
	}
}

// restsTooLong reports whether the job cannot wait here for the end of the rest.
func (e *endpoint) restsTooLong(j *Job, now time.Time) bool {
	switch left := e.rest.until.Sub(now); {
	case left <= 0:
		return false
	case left > shortRest:
		return true
	default:
		return j.Lane != OfEndpoint && j.place.in == nil && e.waiting >= restLine
	}
}

// full reports whether a new job could not start before others have ended, or,
// of one that waits, whether none can start.
func (e *endpoint) full(j *Job) bool {
	if j.place.in != nil {
		return e.running.total() >= e.window
	}
	return e.running.total()+e.waiting >= e.window
}

// turnAway gives back what waits for an endpoint that has become busy, so that it
// is not in the way of the tenant's other endpoints.
func (s *Scheduler) turnAway(e *endpoint, now time.Time) {
	t := s.tenants[e.tenant]
	if e.waiting == 0 || t == nil {
		return
	}
	for c := range t.queues {
		for j := range t.queues[c].jobs {
			if j.endpoint != e {
				continue
			}
			if v := e.busy(j, now); v.Answer != Queued {
				s.leave(j)
				j.Owner.Back(v)
			}
		}
	}
	s.forget(t)
}

// endpoints are those that have something to do, and some that have not.
type endpoints struct {
	window  int // of those of which nothing is known
	byID    map[event.ID]*endpoint
	active  list[*endpoint]
	notable list[*endpoint] // idle, but slow, resting or broken; the one that has been idle for longest comes first
	idle    list[*endpoint]
}

func (m *endpoints) get(t *Target) *endpoint {
	e := m.byID[t.Endpoint]
	if e == nil {
		e = &endpoint{id: t.Endpoint, tenant: t.Tenant, window: m.window}
		e.place.item = e
		m.byID[e.id] = e
	}
	if e.place.in != &m.active {
		e.place.move(&m.active)
	}
	return e
}

// tidy forgets e if it has nothing to do and is like any other; or remembers it,
// and forgets what has been idle for longest.
func (m *endpoints) tidy(e *endpoint, now time.Time) {
	switch {
	case e.running.total() > 0 || e.waiting > 0:
		return
	case e.slow, e.breaker.isOpen(), now.Before(e.rest.until), now.Sub(e.breaker.ended) < recordedWithin:
		e.place.move(&m.notable)
	case e.mean == 0 && e.window == m.window && e.changed == nil:
		m.forget(e)
	default:
		e.place.move(&m.idle)
	}
	for m.idle.len+m.notable.len > remembered {
		if m.idle.first != nil {
			m.forget(m.idle.first.item)
		} else {
			m.forget(m.notable.first.item)
		}
	}
}

func (m *endpoints) forget(e *endpoint) {
	e.place.remove()
	e.changed.raise()
	delete(m.byID, e.id)
}
