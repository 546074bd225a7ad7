package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

const (
	// failsFrom is how many attempts must fail in a row before an endpoint is said to:
	// a single failure is soon forgotten.
	failsFrom = 2

	// wellFrom is how long an endpoint must have had no failure before it is said to
	// have recovered. So one that fails now and then is told of once.
	wellFrom = time.Minute

	// standingEvery is how often those are looked for that have recovered.
	standingEvery = 10 * time.Second

	// standings bounds the endpoints that are remembered, all of which fail or did
	// lately. Of others nothing is said meanwhile.
	standings = 10_000

	// forgottenFrom is when an endpoint is forgotten that nothing was sent to.
	forgottenFrom = 24 * time.Hour
)

// standing tells the log how endpoints are doing: when they begin to fail, their
// circuit breaker opens, they recover; never of an attempt by itself. It is of this
// process: what others see of the endpoint they tell themselves. That of nil says
// nothing.
type standing struct {
	log zerolog.Logger

	mu   sync.Mutex
	ill  map[event.ID]*illness // by endpoint
	full bool                  // it was said that not all are remembered
}

// illness is what is remembered of an endpoint from its first failure until it has
// recovered.
type illness struct {
	tenant   event.ID
	failures int       // since it began
	row      int       // of them in a row
	failed   time.Time // the last time
	seen     time.Time // an attempt, the last time
	said     bool      // that it fails
	broken   bool      // its breaker is open
}

func newStanding(log zerolog.Logger) *standing {
	return &standing{log: log, ill: make(map[event.ID]*illness)}
}

// attempted takes note of an attempt.
func (s *standing) attempted(d *event.Delivery, a *attempt) {
	if s == nil || a.outcome != Success && !a.outcome.Failing() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	i := s.ill[d.Endpoint]
	if a.outcome == Success {
		if i != nil {
			i.row, i.seen = 0, now
			s.judge(d.Endpoint, i, now)
		}
		return
	}
	if i == nil {
		if i = s.remember(d.Tenant, d.Endpoint); i == nil {
			return
		}
	}
	i.failures++
	i.row++
	i.failed, i.seen = now, now
	if i.said || i.row < failsFrom {
		return
	}
	i.said = true
	about := service.FieldsOf(d)
	about.Attempt = a.id
	s.log.Info().EmbedObject(about).Str("outcome", string(a.outcome)).Int("status", a.status).Msg("endpoint begins to fail")
}

// changed takes note of a change of an endpoint's circuit breaker.
func (s *standing) changed(c fair.BreakerChange) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.ill[c.Endpoint]
	if i == nil && c.State == fair.BreakerOpened {
		i = s.remember(c.Tenant, c.Endpoint)
	}
	if i == nil {
		return
	}
	switch c.State {
	case fair.BreakerOpened:
		i.said, i.broken = true, true
		i.failed, i.seen = time.Now(), time.Now()
		s.log.Info().EmbedObject(service.Fields{Tenant: c.Tenant, Endpoint: c.Endpoint}).Int("failures", i.failures).
			Time("since", c.Since).Msg("circuit breaker of the endpoint opens")
	case fair.BreakerClosed:
		i.broken = false
	default:
	}
}

// forget ends what is remembered of an endpoint: it was disabled, which is told by
// whoever does it.
func (s *standing) forget(endpoint event.ID) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ill, endpoint)
}

// run looks for endpoints that have recovered, until ctx ends.
func (s *standing) run(ctx context.Context) {
	ticker := time.NewTicker(standingEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.look(now)
		case <-ctx.Done():
			return
		}
	}
}

func (s *standing) look(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for endpoint, i := range s.ill {
		s.judge(endpoint, i, now)
		if now.Sub(i.seen) > forgottenFrom {
			delete(s.ill, endpoint)
		}
	}
	if len(s.ill) < standings {
		s.full = false
	}
}

// judge ends an illness that has ended: something arrived, and nothing failed for a
// while.
func (s *standing) judge(endpoint event.ID, i *illness, now time.Time) {
	switch {
	case i.row > 0, i.broken:
		return
	case !i.said:
		delete(s.ill, endpoint)
	case now.Sub(i.failed) >= wellFrom:
		delete(s.ill, endpoint)
		s.log.Info().EmbedObject(service.Fields{Tenant: i.tenant, Endpoint: endpoint}).Int("failures", i.failures).Msg("endpoint has recovered")
	}
}

// remember begins an illness, if there is room for it.
func (s *standing) remember(tenant, endpoint event.ID) *illness {
	if len(s.ill) < standings {
		i := &illness{tenant: tenant}
		s.ill[endpoint] = i
		return i
	}
	if !s.full {
		s.full = true
		s.log.Warn().Int("endpoints", standings).Msg("more endpoints fail than are remembered: of further ones nothing is said")
	}
	return nil
}
