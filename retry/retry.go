// Package retry is a delay line: it holds a delivery until it is due and hands
// it back to deliver. It never calls out and keeps nothing of its own: what
// waits is in the stream RETRY.
//
// The stream is a wheel of tiers with a fixed delay each (event.Tiers). A longer
// delay is taken apart into tiers, largest first. Since all messages of a tier
// wait equally long from when they were stored, a tier is a queue in order of
// due time: only a few at its head are looked at, and given back (NAK) with the
// delay that remains. So a handful of delayed messages stands for millions on
// disk, where the server walks the whole list of delayed ones at every NAK
// (measured: a million NAKed, and four more a second take 93 % of a core).
package retry

import (
	"context"
	"flag"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

// Stage is the retry stage.
type Stage struct{}

// Name implements service.Stage.
func (*Stage) Name() string { return "retry" }

// Flags implements service.Stage: there are no settings. The schedule is
// deliver's; here a delay is a delay.
func (*Stage) Flags(*flag.FlagSet) {}

// Validate implements service.Stage.
func (*Stage) Validate() error { return nil }

// Memory implements service.Stage: what is held for its last moments, twice.
func (*Stage) Memory() int64 { return 256 << 20 }

// Ready implements service.Stage. PostgreSQL is not needed.
func (*Stage) Ready(_ context.Context, env service.Env) error { return env.Bus.Health() }

// Run implements service.Stage. When ctx ends, what is close to its time is
// given back like everything else that waits.
func (*Stage) Run(ctx context.Context, env service.Env) error {
	drain, done := env.DrainContext(ctx)
	defer done()
	metrics := newMetrics(env.Reg)
	env.ShowWork(metrics.released, nil)
	r := newReleaser(env, metrics)

	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		r.run(ctx, drain)
		return nil
	})
	for _, t := range event.Tiers() {
		work.Go(func() error {
			return env.Bus.EachShard(ctx, func(ctx context.Context, s event.Shard) error {
				return (&tier{Tier: t, shard: s, bus: env.Bus, log: env.Log, releaser: r, metrics: metrics}).run(ctx)
			})
		})
	}
	work.Go(func() error {
		return env.ShowBacklog(ctx, func(ctx context.Context) (bus.Holding, error) {
			w, err := lookAtWheel(ctx, env.Bus, time.Now())
			if err == nil {
				metrics.waiting.Set(float64(w.all))
			}
			return w.due, err
		})
	})
	return work.Wait()
}
