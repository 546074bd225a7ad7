package fair

import (
	"container/heap"
	"time"
)

// wakes is the tenants that have something to start at a time, the next first.
type wakes []*tenant

func (w *wakes) Len() int           { return len(*w) }
func (w *wakes) Less(i, j int) bool { return (*w)[i].wake.Before((*w)[j].wake) }
func (w *wakes) Swap(i, j int) {
	(*w)[i], (*w)[j] = (*w)[j], (*w)[i]
	(*w)[i].wakes, (*w)[j].wakes = i, j
}

func (w *wakes) Push(t any) {
	t.(*tenant).wakes = len(*w) //nolint:forcetypeassert // of heap.Interface
	*w = append(*w, t.(*tenant))
}

func (w *wakes) Pop() any {
	last := len(*w) - 1
	t := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	t.wakes = -1
	return t
}

// wakeAt has another look at the tenant's queues then.
func (s *Scheduler) wakeAt(t *tenant, at time.Time) {
	switch {
	case t.wakes < 0:
		t.wake = at
		heap.Push(&s.wakes, t)
	case at.Before(t.wake):
		t.wake = at
		heap.Fix(&s.wakes, t.wakes)
	}
}

// arm sets the one timer to the next time at which something can start.
func (s *Scheduler) arm(now time.Time) {
	if s.closed || len(s.wakes) == 0 || s.wakes[0].wake.Equal(s.alarm) {
		return
	}
	s.alarm = s.wakes[0].wake
	if wait := s.alarm.Sub(now); s.timer == nil {
		s.timer = time.AfterFunc(wait, s.wakeUp)
	} else {
		s.timer.Reset(wait)
	}
}

// wakeUp starts what can be started by now.
func (s *Scheduler) wakeUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.alarm = time.Time{}
	s.age(now)
	for len(s.wakes) > 0 && !now.Before(s.wakes[0].wake) {
		t := heap.Pop(&s.wakes).(*tenant) //nolint:forcetypeassert // nothing else is in it
		for c := range t.queues {
			if q := &t.queues[c]; q.len() > 0 {
				s.takeTurns(q)
			}
		}
	}
	s.dispatch(now)
}
