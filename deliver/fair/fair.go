// Package fair decides which of the deliveries that a worker holds starts next,
// so that nobody notices what others do. It knows tenants and endpoints, and
// nothing of where jobs come from or what an attempt is.
//
// Whose turn it is: first attempts before retries before replays, each class with
// a share of the slots; inside a class tenants take turns by deficit round robin,
// with weights, and pay in slot time; inside a tenant's queue high goes before
// normal before low. Nobody who waits is passed over for ever.
//
// What holds a job back: the caps on attempts in flight, of the worker, of the
// tenant and of the endpoint; the share of the slots that slow endpoints and own
// lanes have together; limits on attempts per second; rests of an endpoint that
// asked for them or does nothing but fail; and its circuit breaker.
package fair

import (
	"container/heap"
	"sync"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Limits of a scheduler. They must be positive.
type Limits struct {
	Slots    int // attempts in flight in all
	Tenant   int // of one tenant
	Endpoint int // of one endpoint, once it has shown that it can take them
	Queue    int // waiting in memory, of one tenant and class, from shared lanes; the rest stays in its lane

	// BreakerAfter is how long an endpoint must have had nothing but failures before
	// its breaker opens; 0: it never does.
	BreakerAfter time.Duration
}

// Defaults are measured: with a smaller total, a handful of endpoints that never
// answer would hold every slot.
func Defaults() Limits {
	return Limits{Slots: 1024, Tenant: 32, Endpoint: 16, Queue: 16, BreakerAfter: 10 * time.Second}
}

// Scheduler starts jobs in their turn. It is safe for concurrent use. Nothing in
// it waits.
type Scheduler struct {
	limits    Limits
	onBreaker func(BreakerChange)

	mu        sync.Mutex
	closed    bool
	classes   [classes]turns
	running   usage
	lagging   int // of the running, those that the share of slow endpoints and own lanes is for
	young     list[*Job]
	tenants   map[event.ID]*tenant
	endpoints endpoints
	rates     limits
	wakes     wakes
	alarm     time.Time // for which the timer is set
	timer     *time.Timer
}

// New returns a scheduler that has nothing to do. It tells onBreaker of breakers
// that open and close, in order; onBreaker is called with the lock held and must
// neither wait nor call the scheduler. Close ends what the scheduler does by
// itself.
func New(l Limits, onBreaker func(BreakerChange)) *Scheduler {
	return &Scheduler{
		limits:    l,
		onBreaker: onBreaker,
		tenants:   make(map[event.ID]*tenant),
		endpoints: endpoints{window: min(firstWindow, l.Endpoint), byID: make(map[event.ID]*endpoint)},
		rates:     newLimits(),
	}
}

// Put queues a job, or says why not, and starts what can be started, which may be
// this job. It never waits.
func (s *Scheduler) Put(j *Job) Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Verdict{Answer: Closed}
	}
	now := time.Now()
	s.age(now)
	e := s.meet(&j.Target, now)
	defer s.endpoints.tidy(e, now)
	j.class, j.level = classOf(j.Class), levelOf(j.Priority)
	if v := e.busy(j, now); v.Answer != Queued {
		return v
	}
	t := s.tenants[j.Tenant]
	if t == nil {
		t = newTenant(j.Tenant)
		s.tenants[t.id] = t
	}
	t.weight, t.rate = max(j.Weight, 1), j.TenantRate
	q := &t.queues[j.class]
	if j.Lane == Shared && q.shared >= s.limits.Queue {
		return Verdict{Answer: TenantFull, Room: q.room.wait()}
	}
	j.tenant, j.endpoint, j.place.item, j.late = t, e, j, false
	if q.len() == 0 {
		q.join(s.classes[q.class].round)
	}
	q.push(j)
	s.takeTurns(q)
	s.dispatch(now)
	return Verdict{}
}

// Done frees the slot of a job that was started, and starts what can be.
func (s *Scheduler) Done(j *Job, r Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	t, e := j.tenant, j.endpoint
	s.release(j)
	t.queues[j.class].settle(j.cost, cost(r.Took))
	s.change(e, func() { e.learn(r, s.limits.Endpoint) })
	e.rest.learn(now, j.began, r, s.limits.BreakerAfter > 0)
	if state, b, changed := e.breaker.learn(j, r, now, s.limits.BreakerAfter); changed {
		if state == BreakerClosed {
			e.window = 1
		}
		s.onBreaker(BreakerChange{Tenant: e.tenant, Endpoint: e.id, State: state, Broken: b})
	}
	e.changed.raise()
	s.age(now)
	for c := range t.queues { // whatever this job was in the way of is of its own tenant
		if q := &t.queues[c]; q.len() > 0 {
			s.takeTurns(q)
		}
	}
	s.dispatch(now)
	s.turnAway(e, now)
	s.endpoints.tidy(e, now)
	s.forget(t)
}

// Close starts nothing more and gives back the jobs that wait. Done may still be
// called, and must be if the counts matter.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	now := time.Now()
	s.rates.close()
	if s.timer != nil {
		s.timer.Stop()
	}
	for _, t := range s.tenants {
		for c := range t.queues {
			for j := range t.queues[c].jobs {
				s.leave(j)
				s.endpoints.tidy(j.endpoint, now)
				j.Owner.Back(Verdict{Answer: Closed})
			}
		}
		s.forget(t)
	}
}

// forget forgets a tenant that has nothing left.
func (s *Scheduler) forget(t *tenant) {
	if !t.idle() {
		return
	}
	if t.wakes >= 0 {
		heap.Remove(&s.wakes, t.wakes)
	}
	t.changed.raise()
	delete(s.tenants, t.id)
}

// release takes back all that a job in flight holds.
func (s *Scheduler) release(j *Job) {
	j.place.remove()
	s.running[j.class]--
	j.tenant.running[j.class]--
	e := j.endpoint
	s.change(e, func() {
		e.running[j.class]--
		if j.Lane != Shared {
			e.own--
		}
		if j.late {
			e.late--
		}
	})
}
