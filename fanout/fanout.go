// Package fanout expands one event into one delivery per subscribed endpoint
// and chooses the lane of each.
package fanout

import (
	"context"
	"flag"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

// workers of one process for each shard: while one waits for its publishes the others decode
// and match.
const workers = 4

// Stage is the fanout stage.
type Stage struct{}

// Name implements service.Stage.
func (*Stage) Name() string { return "fanout" }

// Flags implements service.Stage: there are no settings.
func (*Stage) Flags(*flag.FlagSet) {}

// Validate implements service.Stage.
func (*Stage) Validate() error { return nil }

// Memory implements service.Stage: batches and what is made of them, and the directory.
func (*Stage) Memory() int64 { return 384 << 20 }

// Ready implements service.Stage.
func (*Stage) Ready(ctx context.Context, env service.Env) error { return env.Health(ctx) }

// Run implements service.Stage.
func (*Stage) Run(ctx context.Context, env service.Env) error {
	drain, done := env.DrainContext(ctx)
	defer done()
	w := newWorker(env)
	env.ShowWork(w.metrics.events, nil)
	defer w.holding.Wait()
	work, ctx := errgroup.WithContext(ctx)
	for range workers {
		work.Go(func() error {
			return env.Bus.EachShard(ctx, func(ctx context.Context, s event.Shard) error { return w.run(ctx, drain, s) })
		})
	}
	for range wideWorkers {
		work.Go(func() error { return env.Bus.EachShard(ctx, w.runWide) })
	}
	work.Go(func() error {
		return env.ShowBacklog(ctx, func(ctx context.Context) (bus.Holding, error) { return env.Bus.Holds(ctx, event.StreamEvents) })
	})
	return work.Wait()
}
