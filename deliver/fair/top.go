package fair

import (
	"cmp"
	"slices"

	"github.com/postrider/postrider/shared/event"
)

// Top tells what is in hand: in all, and for the n tenants and the n endpoints
// that have most slots, or as many slots and most waiting. It looks at all that
// have anything: ask when somebody wants to know.
func (s *Scheduler) Top(n int) event.Load {
	load := s.load()
	load.Tenants = loudest(load.Tenants, n)
	load.Endpoints = loudest(load.Endpoints, n)
	return load
}

// load is all that is in hand.
func (s *Scheduler) load() event.Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := event.Load{Slots: s.running.total()}
	for id, t := range s.tenants {
		talker := event.Talker{Tenant: id, Slots: t.running.total()}
		for c := range t.queues {
			talker.Waiting += t.queues[c].len()
		}
		l.Tenants = append(l.Tenants, talker)
	}
	for k := s.endpoints.active.first; k != nil; k = k.next {
		e := k.item
		l.Endpoints = append(l.Endpoints, event.Talker{Tenant: e.tenant, Endpoint: e.id, Slots: e.running.total(), Waiting: e.waiting})
	}
	return l
}

func loudest(talkers []event.Talker, n int) []event.Talker {
	slices.SortFunc(talkers, func(a, b event.Talker) int {
		return cmp.Or(
			cmp.Compare(b.Slots, a.Slots), cmp.Compare(b.Waiting, a.Waiting),
			a.Tenant.Compare(b.Tenant), a.Endpoint.Compare(b.Endpoint),
		)
	})
	return slices.Clip(talkers[:min(n, len(talkers))])
}
