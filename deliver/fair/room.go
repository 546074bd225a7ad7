package fair

import "time"

const (
	// prefetch is how many jobs of an own lane may wait in memory, and atOnce how
	// many are fetched together.
	prefetch = 16
	atOnce   = 8
)

// Room is how many more jobs of an own lane could start soon. Where N is 0, ask
// again when Changed is closed or, unless it is zero, when At has come.
type Room struct {
	N       int
	Changed <-chan struct{}
	At      time.Time
}

// Room tells whoever serves an own lane how much to fetch: that of the endpoint,
// or that of the tenant where the target names no endpoint. Put takes as many,
// unless things have changed meanwhile.
func (s *Scheduler) Room(t *Target) Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return Room{}
	case t.Endpoint.IsZero():
		return s.roomOfTenant(t)
	default:
		return s.roomOfEndpoint(t, time.Now())
	}
}

func (s *Scheduler) roomOfTenant(target *Target) Room {
	t := s.tenants[target.Tenant]
	if t == nil {
		return Room{N: atOnce}
	}
	if n := depth(target.TenantRate) - t.own; n > 0 {
		return Room{N: min(n, atOnce)}
	}
	return Room{Changed: t.changed.wait()}
}

func (s *Scheduler) roomOfEndpoint(target *Target, now time.Time) Room {
	e := s.meet(target, now)
	defer s.endpoints.tidy(e, now)
	n := depth(target.Rate) - e.waiting
	if e.slow {
		n = min(n, e.window-e.running.total()-e.waiting)
	}
	switch {
	case e.breaker.isOpen() && now.Before(e.breaker.open.Probe):
		return Room{Changed: e.changed.wait(), At: e.breaker.open.Probe}
	case e.breaker.isOpen() && e.breaker.ready(now) && e.waiting == 0:
		return Room{N: 1}
	case e.breaker.isOpen():
		return Room{Changed: e.changed.wait()}
	case now.Before(e.rest.until):
		return Room{Changed: e.changed.wait(), At: e.rest.until}
	case n > 0:
		return Room{N: min(n, atOnce)}
	default:
		return Room{Changed: e.changed.wait()}
	}
}

// depth is how many jobs of a lane may wait: enough for one refill of its limit.
func depth(rate int) int {
	if rate <= 0 {
		return prefetch
	}
	n, _ := tokens(rate)
	return max(n, prefetch)
}

// signal is closed when something has changed; nil while nobody waits.
type signal chan struct{}

func (s *signal) wait() <-chan struct{} {
	if *s == nil {
		*s = make(chan struct{})
	}
	return *s
}

func (s *signal) raise() {
	if *s != nil {
		close(*s)
		*s = nil
	}
}
