package deliver

import (
	"context"
	"sync"

	"github.com/postrider/postrider/shared/event"
)

// limits of a scheduler.
type limits struct {
	slots    int // attempts in flight in all
	tenant   int // of one tenant
	endpoint int // of one endpoint
	queue    int // waiting in memory, of one tenant and class; the rest stays in its lane
}

// defaultLimits are measured: with a smaller total, a handful of endpoints that
// never answer would hold every slot.
var defaultLimits = limits{slots: 1024, tenant: 32, endpoint: 16, queue: 16} //nolint:gochecknoglobals // constant

// rank is the order of the classes: the lower goes first.
type rank int

const (
	first rank = iota
	retry
	replay
	ranks
)

func rankOf(j *job) rank {
	switch j.delivery.Class() {
	case event.First:
		return first
	case event.Retry:
		return retry
	default:
		return replay
	}
}

// usage is attempts in flight by their class.
type usage [ranks]int

func (u *usage) total() int { return u[first] + u[retry] + u[replay] }

// room reports whether one more of the class has room within limit. What goes
// later never holds all slots, so that what goes before it finds some at once:
// retries and replays together three quarters, replays half. That holds for the
// slots of the worker, of each tenant and of each endpoint.
func (u *usage) room(r rank, limit int) bool {
	switch {
	case u.total() >= limit:
		return false
	case r == first:
		return true
	case u[retry]+u[replay] >= max(limit*3/4, 1):
		return false
	default:
		return r == retry || u[replay] < max(limit/2, 1)
	}
}

// scheduler decides which job starts next. Every tenant has a small queue for
// each class. First attempts go before retries, and retries before replays; in
// each class tenants take turns. What goes later has a share of the slots, which
// is smaller still while something before it waits: a quarter for retries, an
// eighth for replays. So a million replays delay nobody else, not even the first
// attempts of their own tenant. It is safe for concurrent use.
type scheduler struct {
	limits limits
	start  func(*job) // called with the lock held; must not wait

	mu        sync.Mutex
	closed    bool
	classes   [ranks]class
	running   usage
	tenants   map[event.ID]usage // those with attempts in flight
	endpoints map[event.ID]usage
}

// class is the tenants that have jobs of one class waiting.
type class struct {
	queues map[event.ID]*queue
	turn   []*queue // those that may have a job to start, in the order of their turns
}

// queue is the waiting jobs of one tenant and class.
type queue struct {
	tenant event.ID
	jobs   []*job
	turns  bool          // it is in its class's turn
	room   chan struct{} // closed when a job leaves a full queue; nil while nobody waits
}

func newScheduler(l limits, start func(*job)) *scheduler {
	s := &scheduler{
		limits:    l,
		start:     start,
		tenants:   make(map[event.ID]usage),
		endpoints: make(map[event.ID]usage),
	}
	for r := range s.classes {
		s.classes[r].queues = make(map[event.ID]*queue)
	}
	return s
}

// put queues a job and starts what can be started. It waits while the tenant's
// queue is full, and with it the lane that brought the job. It returns the cause
// when ctx ends before that; then the job is still the caller's.
func (s *scheduler) put(ctx context.Context, j *job) error {
	for {
		room, ok := s.tryPut(j)
		if ok {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *scheduler) tryPut(j *job) (room <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.classes[rankOf(j)]
	q := c.queues[j.delivery.Tenant]
	if q == nil {
		q = &queue{tenant: j.delivery.Tenant}
		c.queues[q.tenant] = q
	}
	if len(q.jobs) >= s.limits.queue || s.closed {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return q.room, false
	}
	q.jobs = append(q.jobs, j)
	c.takeTurns(q)
	s.dispatch()
	return nil, true
}

// done frees the slot of a job that was started, and starts what can be.
func (s *scheduler) done(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := rankOf(j)
	s.running[r]--
	release(s.tenants, j.delivery.Tenant, r)
	release(s.endpoints, j.delivery.Endpoint, r)
	// Whatever this job was in the way of is of its own tenant.
	for r := range s.classes {
		if q := s.classes[r].queues[j.delivery.Tenant]; q != nil {
			s.classes[r].takeTurns(q)
		}
	}
	s.dispatch()
}

// close starts nothing more and returns the jobs that wait.
func (s *scheduler) close() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var waiting []*job
	for r := range s.classes {
		c := &s.classes[r]
		for _, q := range c.queues {
			waiting = append(waiting, q.jobs...)
			q.jobs = nil
		}
		c.turn = nil
	}
	return waiting
}

func (s *scheduler) dispatch() {
	for !s.closed {
		j := s.next()
		if j == nil {
			return
		}
		r := rankOf(j)
		s.running[r]++
		hold(s.tenants, j.delivery.Tenant, r)
		hold(s.endpoints, j.delivery.Endpoint, r)
		s.start(j)
	}
}

// next takes the job that goes next out of its queue; nil when none can start.
func (s *scheduler) next() *job {
	waiting := false // something in a class before
	for r := range ranks {
		c := &s.classes[r]
		if s.running.room(r, s.limits.slots) && (!waiting || s.running[r] < s.contended(r)) {
			if j := s.nextOf(c, r); j != nil {
				return j
			}
		}
		waiting = waiting || len(c.queues) > 0
	}
	return nil
}

// contended is how many slots a class may hold while one before it waits: a
// quarter for retries, an eighth for replays.
func (s *scheduler) contended(r rank) int { return max(s.limits.slots>>(r+1), 1) }

// nextOf takes the next job of a class. A tenant whose jobs all have to wait
// loses its turns until one of its attempts ends.
func (s *scheduler) nextOf(c *class, r rank) *job {
	for len(c.turn) > 0 {
		q := c.turn[0]
		c.turn = c.turn[1:]
		q.turns = false
		j := s.take(q, r)
		if j == nil {
			continue
		}
		if len(q.jobs) == 0 {
			delete(c.queues, q.tenant)
		} else {
			c.takeTurns(q)
		}
		return j
	}
	return nil
}

// take removes the first job of the queue whose tenant and endpoint have room.
func (s *scheduler) take(q *queue, r rank) *job {
	if !room(s.tenants, q.tenant, r, s.limits.tenant) {
		return nil
	}
	for i, j := range q.jobs {
		if !room(s.endpoints, j.delivery.Endpoint, r, s.limits.endpoint) {
			continue
		}
		q.jobs = append(q.jobs[:i], q.jobs[i+1:]...)
		if q.room != nil {
			close(q.room)
			q.room = nil
		}
		return j
	}
	return nil
}

func (c *class) takeTurns(q *queue) {
	if !q.turns {
		q.turns = true
		c.turn = append(c.turn, q)
	}
}

func room(of map[event.ID]usage, id event.ID, r rank, limit int) bool {
	u := of[id]
	return u.room(r, limit)
}

func hold(of map[event.ID]usage, id event.ID, r rank) {
	u := of[id]
	u[r]++
	of[id] = u
}

func release(of map[event.ID]usage, id event.ID, r rank) {
	u := of[id]
	u[r]--
	if of[id] = u; u.total() == 0 {
		delete(of, id)
	}
}
