package fair

import "time"

const (
	// quantum is the least that a start costs, and what a tenant of weight 1 gets
	// in each round.
	quantum = 250 * time.Millisecond

	// patience is how many starts that go before it a queue or class lets pass
	// before it comes first for once.
	patience = 16

	// mostDebt is what a tenant can owe: about as long as an attempt lasts.
	mostDebt = 30 * time.Second

	// maxRounds pay any debt.
	maxRounds = int(mostDebt/quantum) + 1
)

// cost is what an attempt is charged for its slot.
func cost(took time.Duration) time.Duration { return max(took, quantum) }

// settle replaces what was charged at the start by what it came to.
func (q *queue) settle(charged, came time.Duration) {
	most := time.Duration(q.tenant.weight) * quantum
	if q.len() == 0 {
		most = 0
	}
	q.credit = max(min(q.credit+charged-came, most), -mostDebt)
}

// hasTurn reports whether q has any of its turn left in the round. Each round adds
// a turn, but nobody saves them up.
func (q *queue) hasTurn(round int) bool {
	if n := round - q.round; n > 0 {
		turn := time.Duration(q.tenant.weight) * quantum
		q.credit = min(q.credit+time.Duration(min(n, maxRounds))*turn, turn)
		q.round = round
	}
	return q.credit > 0
}

// join makes a queue that was empty one of the next round.
func (q *queue) join(round int) {
	q.hasTurn(round)
	q.credit = min(q.credit, 0)
}

// turns is the queues of one class that may have something to start. Those with
// jobs that wait for the share of slow endpoints and own lanes also stand in line
// for it, so that nobody has to look at them while it is used up.
type turns struct {
	ring     list[*queue]
	line     list[*queue]
	promised *queue // was the first in line: one slot of the share is kept for it
	round    int
	dry      int // the round in which nobody in line has any of its turn left

	// passed is how many of classes before have started since this class had a
	// start, and passedShare the same of those that the share is for.
	passed, passedShare int
}

func (t *turns) wants() bool { return t.ring.len+t.line.len > 0 }

// takeTurns puts q into the ring, since it may have something to start.
func (s *Scheduler) takeTurns(q *queue) {
	if q.turn.in == nil {
		s.classes[q.class].ring.push(&q.turn)
	}
}

// leave takes a waiting job out of its queue.
func (s *Scheduler) leave(j *Job) {
	q := &j.tenant.queues[j.class]
	q.remove(j)
	if q.len() > 0 {
		return
	}
	q.credit = min(q.credit, 0)
	q.turn.remove()
	q.inLine.remove()
	q.passed = 0
	if t := &s.classes[q.class]; t.promised == q {
		t.promised = nil
	}
}

// dispatch starts all that can be started.
func (s *Scheduler) dispatch(now time.Time) {
	for !s.closed {
		j := s.next(now)
		if j == nil {
			break
		}
		s.start(j, now)
	}
	s.arm(now)
}

// next is the job that goes next; nil when none can start.
func (s *Scheduler) next(now time.Time) *Job {
	for c := retry; c < classes; c++ {
		t := &s.classes[c]
		if !s.running.room(c, s.limits.Slots) {
			continue
		}
		if t.passedShare >= patience {
			if j := s.nextInLine(c, now); j != nil {
				return j
			}
		}
		if t.passed >= patience {
			if j := s.nextOf(c, now); j != nil {
				return j
			}
		}
	}
	for c := range classes {
		if s.admits(c) {
			if j := s.nextOf(c, now); j != nil {
				return j
			}
		}
	}
	return nil
}

// admits reports whether the class may have one more slot of the worker while
// nobody has lost patience.
func (s *Scheduler) admits(c class) bool {
	if !s.running.room(c, s.limits.Slots) {
		return false
	}
	for before := range c {
		if s.classes[before].wants() {
			return s.running[c] < contended(c, s.limits.Slots)
		}
	}
	return true
}

// nextOf is the next job of a class. A queue whose jobs all have to wait leaves
// the ring until something has changed. A round is over when nobody who could
// start something has any of its turn left.
func (s *Scheduler) nextOf(c class, now time.Time) *Job {
	t := &s.classes[c]
	for spent := 0; ; {
		dry := s.promise(t)
		if spent == t.ring.len {
			if spent == 0 && !dry {
				return nil
			}
			t.round++
			spent = 0
			continue
		}
		q := t.ring.first.item
		if j := s.overdue(q, now); j != nil {
			return j
		}
		j, share := s.pick(q, now)
		if t.promised == q {
			t.promised = nil
		}
		switch {
		case j != nil && q.hasTurn(t.round):
			return j
		case j != nil:
			q.turn.move(&t.ring)
			spent++
		default:
			q.turn.remove()
			t.standInLine(q, share)
		}
	}
}

// promise keeps a slot of the share, if one is free, for the first in line who has
// any of its turn left. It reports whether one is free and nobody has.
func (s *Scheduler) promise(t *turns) bool {
	if t.promised != nil || t.line.len == 0 || s.lagging >= s.share() {
		return false
	}
	for range t.line.len {
		if t.dry == t.round {
			break
		}
		q := t.line.first.item
		if q.hasTurn(t.round) {
			q.inLine.remove()
			s.takeTurns(q)
			t.promised = q
			return false
		}
		q.inLine.move(&t.line)
	}
	t.dry = t.round
	return true
}

// standInLine puts q into the line if it waits for the share.
func (t *turns) standInLine(q *queue, share bool) {
	switch {
	case !share:
		q.inLine.remove()
	case q.inLine.in == nil:
		t.line.push(&q.inLine)
		t.dry = -1
	}
}

// nextInLine is the next job of a class from the queues that wait for the share.
func (s *Scheduler) nextInLine(c class, now time.Time) *Job {
	t := &s.classes[c]
	for t.line.len > 0 && s.lagging < s.share() {
		q := t.line.first.item
		t.promised = q
		j, _ := s.pick(q, now)
		t.promised = nil
		if j != nil {
			s.takeTurns(q)
			return j
		}
		q.inLine.remove()
	}
	return nil
}

// overdue is a job of a later class that the tenant, whose turn it is, has let
// wait for too long; nil in most cases.
func (s *Scheduler) overdue(q *queue, now time.Time) *Job {
	for c := q.class + 1; c < classes; c++ {
		later := &q.tenant.queues[c]
		if later.passed < patience || !s.running.room(c, s.limits.Slots) {
			continue
		}
		if j, _ := s.pick(later, now); j != nil {
			return j
		}
	}
	return nil
}

// pick is the job of the queue that goes next; nil when none can start. Then share
// says whether one waits for the share of slow endpoints and own lanes.
func (s *Scheduler) pick(q *queue, now time.Time) (next *Job, share bool) {
	if !q.tenant.running.room(q.class, s.limits.Tenant) {
		return nil, false
	}
	if ok, at := s.rates.ready(q.tenant.id, q.tenant.rate, now); !ok {
		s.wakeAt(q.tenant, at)
		return nil, false
	}
	for j := range q.jobs {
		e := j.endpoint
		ready, refill := s.rates.ready(e.id, e.rate, now)
		switch {
		case !e.running.room(q.class, e.window), !e.breaker.ready(now):
		case now.Before(e.rest.until):
			s.wakeAt(q.tenant, e.rest.until)
		case !ready:
			s.wakeAt(q.tenant, refill)
		case j.lags() && !s.shareFor(q):
			share = true
		default:
			return j, false
		}
	}
	return nil, share
}

// share is how many slots jobs from own lanes and to slow endpoints may hold
// together.
func (s *Scheduler) share() int { return max(s.limits.Slots*3/4, 1) }

func (s *Scheduler) shareFor(q *queue) bool {
	kept := 0
	if p := s.classes[q.class].promised; p != nil && p != q {
		kept = 1
	}
	return s.lagging+kept < s.share()
}

func (s *Scheduler) start(j *Job, now time.Time) {
	t, e, q := j.tenant, j.endpoint, &j.tenant.queues[j.class]
	j.cost = cost(e.mean)
	q.credit -= j.cost
	q.starts++
	s.leave(j)
	s.pass(j)
	s.running[j.class]++
	t.running[j.class]++
	s.change(e, func() {
		e.running[j.class]++
		if j.Lane != Shared {
			e.own++
		}
	})
	s.rates.take(t.id, t.rate, now)
	s.rates.take(e.id, e.rate, now)
	e.breaker.start(j)
	j.began = now
	s.young.push(&j.place)
	j.Owner.Start()
}

// pass counts whom a job that starts goes before.
func (s *Scheduler) pass(j *Job) {
	share := j.lags()
	s.classes[j.class].passed, j.tenant.queues[j.class].passed = 0, 0
	if share {
		s.classes[j.class].passedShare = 0
	}
	for c := j.class + 1; c < classes; c++ {
		t := &s.classes[c]
		if t.wants() {
			t.passed++
		}
		if share && t.line.len > 0 {
			t.passedShare++
		}
		if q := &j.tenant.queues[c]; q.len() > 0 {
			q.passed++
		}
	}
}
