// Package dlq records what was given up, does the tasks that deliver it again, or
// deliver what was missed, or remove what is not wanted any more, and makes good what
// the streams lose (package rebuild).
package dlq

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/dlq/rebuild"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

// Stage is the dlq stage. Its exported fields are its settings.
type Stage struct {
	Overdue time.Duration
}

// Name implements service.Stage.
func (*Stage) Name() string { return "dlq" }

// Flags implements service.Stage.
func (s *Stage) Flags(fs *flag.FlagSet) {
	fs.DurationVar(&s.Overdue, "overdue-after", time.Minute, "how long after it was due a retry that has not begun is taken for lost and handed out again")
}

// Validate implements service.Stage.
func (s *Stage) Validate() error {
	if s.Overdue < 2*event.Late {
		return fmt.Errorf("overdue-after is %s: must be at least %s", s.Overdue, 2*event.Late)
	}
	return nil
}

// Memory implements service.Stage: parts of tasks with their payloads.
func (*Stage) Memory() int64 { return 384 << 20 }

// Ready implements service.Stage.
func (*Stage) Ready(ctx context.Context, env service.Env) error { return env.Health(ctx) }

// Needs implements service.Mender: streams that are missing are made here.
func (*Stage) Needs(ctx context.Context, env service.Env) error {
	return errors.Join(env.Bus.Connected(), env.Store.Health(ctx))
}

// Run implements service.Stage. When ctx ends it finishes the part of each task
// that it is at; the rest of the task is another's, or its own after the start.
func (s *Stage) Run(ctx context.Context, env service.Env) error {
	drain, done := env.DrainContext(ctx)
	defer done()
	metrics := newMetrics(env.Reg)
	env.ShowWork(metrics.dead, nil)
	work, ctx := errgroup.WithContext(ctx)
	recorder := &recorder{bus: env.Bus, store: env.Store, log: env.Log, metrics: metrics, trace: env.Trace}
	work.Go(func() error { return recorder.run(ctx, drain) })
	redriver := &redriver{bus: env.Bus, store: env.Store, log: env.Log, metrics: metrics, trace: env.Trace}
	for range taskWorkers {
		work.Go(func() error { return redriver.run(ctx, drain) })
	}
	work.Go(func() error { return redriver.sweep(ctx) })
	rebuilder := &rebuild.Rebuilder{
		Bus: env.Bus, Store: env.Store, Log: env.Log, Metrics: rebuild.NewMetrics(env.Reg), Overdue: s.Overdue,
	}
	work.Go(func() error { return rebuilder.Run(ctx) })
	work.Go(func() error { return keepRoom(ctx, env, metrics) })
	work.Go(func() error { return env.ShowBacklog(ctx, env.Bus.Unrecorded) })
	return work.Wait()
}
