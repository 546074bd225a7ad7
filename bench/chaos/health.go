package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
)

const (
	healthTick    = 100 * time.Millisecond
	healthTimeout = time.Second
)

// health asks all stages again and again whether they are ready.
type health struct {
	stack *stack.Stack
	stop  context.CancelFunc
	done  chan struct{}

	mu     sync.Mutex
	spells []spell // in which not all were; the last one may still go on
	ill    bool
	asked  time.Time // when the last answers were asked for
}

func watchHealth(ctx context.Context, s *stack.Stack) *health {
	ctx, stop := context.WithCancel(ctx)
	h := &health{stack: s, stop: stop, done: make(chan struct{})}
	go h.watch(ctx)
	return h
}

func (h *health) end() {
	h.stop()
	<-h.done
}

func (h *health) watch(ctx context.Context) {
	defer close(h.done)
	tick := time.NewTicker(healthTick)
	defer tick.Stop()
	for {
		now := time.Now()
		away := h.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		h.note(now, away)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask returns who is not ready.
func (h *health) ask(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	names := h.stack.Workers()
	ready := make([]bool, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() { ready[i] = h.stack.Ready(ctx, name) })
	}
	asking.Wait()
	var away []string
	for i, name := range names {
		if !ready[i] {
			away = append(away, name)
		}
	}
	return away
}

func (h *health) note(asked time.Time, away []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = asked
	if h.ill {
		h.spells[len(h.spells)-1].to = asked
	}
	if len(away) == 0 {
		h.ill = false
		return
	}
	if !h.ill {
		h.spells = append(h.spells, spell{from: asked, to: asked})
		h.ill = true
	}
	h.spells[len(h.spells)-1].why = strings.Join(away, ", ")
}

// all returns the spells so far.
func (h *health) all() []spell {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.spells)
}

// await waits until all have been ready for a while, and tells whether they were
// in time; if not, who is not.
func (h *health) await(ctx context.Context, limit time.Duration) (away string, ok bool) {
	began := time.Now()
	for time.Since(began) < limit {
		if suite.Pause(ctx, healthTick) != nil {
			break
		}
		if h.well(began) {
			return "", true
		}
	}
	spells := h.all()
	if len(spells) == 0 {
		return "", false
	}
	return spells[len(spells)-1].why, false
}

// well tells whether all have been ready since then, and for a while.
func (h *health) well(since time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ill {
		return false
	}
	if len(h.spells) > 0 && h.spells[len(h.spells)-1].to.After(since) {
		since = h.spells[len(h.spells)-1].to
	}
	return h.asked.Sub(since) >= settled
}
