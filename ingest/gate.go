package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/ingest/api"
)

const (
	// slowCommit is how long a commit may take before nothing more is let in: what
	// comes would only wait, and then be told the same.
	slowCommit = 2 * time.Second

	// gateEvery is how often the gate looks, and so how long those wait at most who
	// came a moment too early.
	gateEvery = 100 * time.Millisecond
)

var errSlowCommit = fmt.Errorf("%w: a commit takes longer than %s", api.ErrAway, slowCommit)

// gate is shut while the database is away, hangs, or takes far too long. Then
// requests are refused at once, with nothing of them in memory.
type gate struct {
	health func(context.Context) error

	mu    sync.Mutex
	away  error // nil: the database answered when it was asked last
	begun map[*time.Time]struct{}
}

func newGate(health func(context.Context) error) *gate {
	return &gate{health: health, begun: make(map[*time.Time]struct{})}
}

// shut returns why nobody is let in, an error that wraps api.ErrAway; nil when
// everybody is.
func (g *gate) shut() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away != nil {
		return g.away
	}
	for began := range g.begun {
		if time.Since(*began) > slowCommit {
			return errSlowCommit
		}
	}
	return nil
}

// lost returns why nobody is let in until the database is found to answer, as shut
// does; nil when it answered last.
func (g *gate) lost() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.away
}

// commit counts a commit until done is called.
func (g *gate) commit() (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	began := new(time.Time)
	*began = time.Now()
	g.begun[began] = struct{}{}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.begun, began)
	}
}

// close shuts the gate until the database is found to answer.
func (g *gate) close(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away = fmt.Errorf("%w: %w", api.ErrAway, err)
}

// watch asks the database again and again until ctx ends, and calls shed each time
// that the gate is shut.
func (g *gate) watch(ctx context.Context, shed func(error)) {
	ticker := time.NewTicker(gateEvery)
	defer ticker.Stop()
	asked := make(chan struct{}, 1) // one at a time: it waits where the database hangs
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		select {
		case asked <- struct{}{}:
			asking.Go(func() {
				defer func() { <-asked }()
				g.ask(ctx)
			})
		default:
		}
		if err := g.shut(); err != nil {
			shed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (g *gate) ask(ctx context.Context) {
	err := g.health(ctx)
	if err != nil {
		g.close(err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away = nil
}
