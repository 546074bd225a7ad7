package fair

import (
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Stats is how much there is of everything now.
type Stats struct {
	Running map[event.Class]int // attempts in flight
	Waiting map[event.Class]int // jobs in memory
	Lagging int                 // of those in flight, the ones of own lanes and to slow endpoints
	Resting int                 // endpoints that are left alone for a while
	Broken  int                 // endpoints whose breaker is open
	Limited int                 // endpoints and tenants that have used up their rate for the moment
}

// Stats counts what there is. It looks at all tenants that have anything and all
// endpoints that anything is to be said of: ask when somebody wants to know.
func (s *Scheduler) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Running: make(map[event.Class]int), Waiting: make(map[event.Class]int), Lagging: s.lagging}
	for c, name := range [classes]event.Class{event.First, event.Retry, event.Replay} {
		stats.Running[name] = s.running[c]
		stats.Waiting[name] = 0
		for _, t := range s.tenants {
			stats.Waiting[name] += t.queues[c].len()
		}
	}
	now := time.Now()
	stats.Limited = s.rates.usedUp(now)
	for _, l := range []*list[*endpoint]{&s.endpoints.active, &s.endpoints.notable} {
		for k := l.first; k != nil; k = k.next {
			switch e := k.item; {
			case e.breaker.isOpen():
				stats.Broken++
			case now.Before(e.rest.until):
				stats.Resting++
			}
		}
	}
	return stats
}
