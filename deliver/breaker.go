package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

const (
	// breakersUnwritten bounds the changes that wait for the database. One beyond is
	// lost: other workers find out by themselves that the endpoint is broken.
	breakersUnwritten = 10_000

	breakerRetry = time.Second
)

// breakers writes down which circuit breakers are open, for all workers and for
// those who want to know. Of each endpoint only the last change counts.
type breakers struct {
	store *store.Store
	log   zerolog.Logger
	tell  func(event.OwnLane) // whoever serves the lane: it may rest no more
	kick  chan struct{}       // closed by close

	mu        sync.Mutex
	unwritten map[event.ID]breakerNews // by endpoint
	closed    bool
}

type breakerNews struct {
	fair.BreakerChange
	opened bool // its opening is not written yet
}

func newBreakers(s *store.Store, log zerolog.Logger, tell func(event.OwnLane)) *breakers {
	return &breakers{store: s, log: log, tell: tell, kick: make(chan struct{}, 1), unwritten: make(map[event.ID]breakerNews)}
}

// changed takes note of a change. It does not wait, and is safe for concurrent use.
func (b *breakers) changed(c fair.BreakerChange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.unwritten[c.Endpoint]
	if b.closed || !known && len(b.unwritten) >= breakersUnwritten {
		return
	}
	b.unwritten[c.Endpoint] = breakerNews{c, c.State == fair.BreakerOpened || before.opened && c.State == fair.ProbeFailed}
	select {
	case b.kick <- struct{}{}:
	default: // it will look anyway
	}
}

// close lets run return when all is written.
func (b *breakers) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	close(b.kick)
}

// run writes changes until close is called, or ctx ends.
func (b *breakers) run(ctx context.Context) {
	for range b.kick {
		for n := b.take(); n != nil && ctx.Err() == nil; n = b.take() {
			b.persist(ctx, n)
		}
	}
}

func (b *breakers) take() *breakerNews {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, n := range b.unwritten {
		delete(b.unwritten, id)
		return &n
	}
	return nil
}

// persist writes a change, as often as it needs to succeed, and tells of it.
func (b *breakers) persist(ctx context.Context, n *breakerNews) {
	for said := false; ; said = true {
		err := b.write(ctx, n)
		if err == nil {
			break
		}
		if !said {
			b.log.Warn().Err(err).EmbedObject(service.Fields{Tenant: n.Tenant, Endpoint: n.Endpoint}).Msg("circuit breaker cannot be recorded; trying again")
		}
		select {
		case <-time.After(breakerRetry):
		case <-ctx.Done():
			return
		}
	}
	b.tell(event.OwnLane{Tenant: n.Tenant, Endpoint: n.Endpoint})
}

func (b *breakers) write(ctx context.Context, n *breakerNews) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if n.State == fair.BreakerClosed {
		return b.store.CloseBreaker(ctx, n.Tenant, n.Endpoint)
	}
	if n.opened {
		if err := b.store.OpenBreaker(ctx, n.Tenant, n.Endpoint, n.Since, n.Probe); err != nil {
			return err
		}
	}
	if n.Failed == 0 {
		return nil
	}
	return b.store.BreakerProbeFailed(ctx, n.Endpoint, n.Probe, n.Failed)
}
