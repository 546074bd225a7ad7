// Package dlq records what was given up, and does the tasks that deliver it again,
// or deliver what was missed, or remove what is not wanted any more.
package dlq

import (
	"context"
	"flag"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/service"
)

// Stage is the dlq stage.
type Stage struct{}

// Name implements service.Stage.
func (*Stage) Name() string { return "dlq" }

// Flags implements service.Stage: there are no settings.
func (*Stage) Flags(*flag.FlagSet) {}

// Validate implements service.Stage.
func (*Stage) Validate() error { return nil }

// Ready implements service.Stage.
func (*Stage) Ready(ctx context.Context, env service.Env) error { return env.Health(ctx) }

// Run implements service.Stage. When ctx ends it finishes the part of each task
// that it is at; the rest of the task is another's, or its own after the start.
func (*Stage) Run(ctx context.Context, env service.Env) error {
	drain, done := env.DrainContext(ctx)
	defer done()
	metrics := newMetrics(env.Reg)
	work, ctx := errgroup.WithContext(ctx)
	recorder := &recorder{store: env.Store, log: env.Log, metrics: metrics}
	work.Go(func() error { return recorder.run(ctx, drain, env.Bus) })
	redriver := &redriver{bus: env.Bus, store: env.Store, log: env.Log, metrics: metrics}
	for range taskWorkers {
		work.Go(func() error { return redriver.run(ctx, drain) })
	}
	work.Go(func() error { return redriver.sweep(ctx) })
	return work.Wait()
}
