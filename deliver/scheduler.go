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

// scheduler decides which job starts next. Every tenant has a small queue for
// each of two classes: first attempts, and everything else. Tenants take turns;
// first attempts go before everything else, which has at most a quarter of the
// slots while first attempts wait, and three quarters at any time. It is safe
// for concurrent use.
type scheduler struct {
	limits limits
	start  func(*job) // called with the lock held; must not wait

	mu        sync.Mutex
	closed    bool
	first     class
	rest      class
	running   int
	tenants   map[event.ID]int // attempts in flight
	endpoints map[event.ID]int
}

// class is the tenants that have jobs of one class waiting.
type class struct {
	queues  map[event.ID]*queue
	turn    []*queue // those that may have a job to start, in the order of their turns
	running int
}

// queue is the waiting jobs of one tenant and class.
type queue struct {
	tenant event.ID
	jobs   []*job
	turns  bool          // it is in its class's turn
	room   chan struct{} // closed when a job leaves a full queue; nil while nobody waits
}

func newScheduler(l limits, start func(*job)) *scheduler {
	return &scheduler{
		limits:    l,
		start:     start,
		first:     class{queues: make(map[event.ID]*queue)},
		rest:      class{queues: make(map[event.ID]*queue)},
		tenants:   make(map[event.ID]int),
		endpoints: make(map[event.ID]int),
	}
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
	c := s.classOf(j)
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
	s.running--
	s.classOf(j).running--
	release(s.tenants, j.delivery.Tenant)
	release(s.endpoints, j.delivery.Endpoint)
	// Whatever this job was in the way of is of its own tenant.
	for _, c := range []*class{&s.first, &s.rest} {
		if q := c.queues[j.delivery.Tenant]; q != nil {
			c.takeTurns(q)
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
	for _, c := range []*class{&s.first, &s.rest} {
		for _, q := range c.queues {
			waiting = append(waiting, q.jobs...)
			q.jobs = nil
		}
		c.turn = nil
	}
	return waiting
}

func (s *scheduler) dispatch() {
	for !s.closed && s.running < s.limits.slots {
		c := &s.first
		j := s.next(c)
		if j == nil {
			if c = &s.rest; c.running >= s.restShare() {
				return
			}
			if j = s.next(c); j == nil {
				return
			}
		}
		s.running++
		c.running++
		s.tenants[j.delivery.Tenant]++
		s.endpoints[j.delivery.Endpoint]++
		s.start(j)
	}
}

// restShare is how many slots everything but first attempts may have now.
func (s *scheduler) restShare() int {
	if len(s.first.queues) > 0 {
		return max(s.limits.slots/4, 1)
	}
	return max(s.limits.slots*3/4, 1)
}

// next takes the next job of the class out of its queue. A tenant whose jobs all
// have to wait loses its turns until one of its attempts ends.
func (s *scheduler) next(c *class) *job {
	for len(c.turn) > 0 {
		q := c.turn[0]
		c.turn = c.turn[1:]
		q.turns = false
		j := s.take(q)
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
func (s *scheduler) take(q *queue) *job {
	if s.tenants[q.tenant] >= s.limits.tenant {
		return nil
	}
	for i, j := range q.jobs {
		if s.endpoints[j.delivery.Endpoint] >= s.limits.endpoint {
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

func (s *scheduler) classOf(j *job) *class {
	if j.delivery.Class() == event.First {
		return &s.first
	}
	return &s.rest
}

func (c *class) takeTurns(q *queue) {
	if !q.turns {
		q.turns = true
		c.turn = append(c.turn, q)
	}
}

func release(counts map[event.ID]int, id event.ID) {
	if counts[id]--; counts[id] == 0 {
		delete(counts, id)
	}
}
