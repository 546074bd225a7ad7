package ingest

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
)

const (
	// lookTime bounds a look at all streams: who looks at a page does not wait longer.
	lookTime = 5 * time.Second

	// lookedAtOnce is how many streams' consumers are asked for at once.
	lookedAtOnce = 4
)

// streams looks at the streams and their consumers, for one caller at a time.
type streams struct {
	bus  *bus.Bus
	turn chan struct{} // holds one while somebody looks
}

func newStreams(b *bus.Bus) *streams { return &streams{bus: b, turn: make(chan struct{}, 1)} }

// now looks. It returns bus.ErrDisconnected while NATS is away.
func (s *streams) now(ctx context.Context) ([]api.Stream, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTime, bus.ErrSilent)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to look: %w", context.Cause(ctx))
	}
	if err := s.bus.Connected(); err != nil {
		return nil, err
	}
	states, err := s.bus.Streams(ctx)
	if err != nil {
		return nil, silent(ctx, err)
	}
	all := make([]api.Stream, len(states))
	work, each := errgroup.WithContext(ctx)
	work.SetLimit(lookedAtOnce)
	for i, state := range bus.InOrder(states) {
		work.Go(func() (err error) {
			all[i].StreamState = state
			all[i].Consumers, err = s.bus.Consumers(each, state.Name)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, silent(ctx, err)
	}
	return all, nil
}

// silent is why there was no answer in time, if that is what went wrong.
func silent(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
