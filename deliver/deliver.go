// Package deliver makes the HTTP attempts, and nothing else in Postrider does.
// First attempts, retries, resends and redrives take the same way through it:
//
//	shared lanes ─┐
//	own lanes ────┴─▶ intake ──▶ fair.Scheduler ──▶ attempt ──▶ finisher: record, hand on, acknowledge
//
// What belongs in another lane than it came by is moved there by the intake.
package deliver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/deliver/account"
	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/group"
	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/service"
)

// The design's default, which is that of Svix but for the last step.
const defaultSchedule = "5s,5m,30m,2h,5h,10h,10h"

// maxSlots is as many connections as a process has ports for, with some to spare.
const maxSlots = 16_384

// hostShare is the part of all connections that may stay open to one host while
// nothing is sent. Many endpoints are at one host (a gateway, a chat); with as few
// as one endpoint has attempts in flight, a quarter of this stage's CPU went into
// new connections to it.
const hostShare = 4

// Stage is the deliver stage. Its exported fields are its settings.
type Stage struct {
	Timeout      time.Duration
	Schedule     string
	DisableAfter time.Duration
	BreakerAfter time.Duration
	Slots        int
	Tell         bool // receivers of the traces
	KeepHeaders  string
}

// Name implements service.Stage.
func (*Stage) Name() string { return "deliver" }

// Flags implements service.Stage.
func (s *Stage) Flags(fs *flag.FlagSet) {
	fs.DurationVar(&s.Timeout, "attempt-timeout", 15*time.Second, "how long one attempt may take")
	fs.StringVar(&s.Schedule, "retry-schedule", defaultSchedule, "`delays` after failed attempts, joined by commas; none for no retries")
	fs.DurationVar(&s.DisableAfter, "disable-after", 120*time.Hour, "how long an endpoint may have nothing but failures before it is disabled; 0 for never")
	fs.DurationVar(&s.BreakerAfter, "breaker-after", fair.Defaults().BreakerAfter, "how long an endpoint may have nothing but failures before only probes are sent to it; 0 for never")
	fs.IntVar(&s.Slots, "slots", fair.Defaults().Slots, "`attempts` that may be in flight at once")
	fs.StringVar(&s.KeepHeaders, "keep-headers", string(keepFailed), "`attempts` whose headers are kept, of request and response: failed, all or none")
	fs.BoolVar(&s.Tell, "trace-receivers", false, "send the traceparent of what is traced to receivers, so that their spans belong to the trace")
}

// HoldsKeys implements service.Keyholder: endpoints are called with what is sealed.
func (*Stage) HoldsKeys() {}

// Validate implements service.Stage.
func (s *Stage) Validate() error {
	var faults []error
	if s.Timeout < 100*time.Millisecond || s.Timeout > 5*time.Minute {
		faults = append(faults, fmt.Errorf("attempt-timeout is %s: must be 100ms to 5m", s.Timeout))
	}
	if _, err := schedule.Parse(s.Schedule); err != nil {
		faults = append(faults, fmt.Errorf("retry-schedule: %w", err))
	}
	if s.DisableAfter < 0 {
		faults = append(faults, fmt.Errorf("disable-after is %s: must not be negative", s.DisableAfter))
	}
	if s.Slots < 1 || s.Slots > maxSlots {
		faults = append(faults, fmt.Errorf("slots is %d: must be 1 to %d", s.Slots, maxSlots))
	}
	if s.BreakerAfter < 0 {
		faults = append(faults, fmt.Errorf("breaker-after is %s: must not be negative", s.BreakerAfter))
	}
	if err := keeping(s.KeepHeaders).validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Memory implements service.Stage: the buffer, answers that are not recorded yet, connections, and the directory.
func (*Stage) Memory() int64 { return 512 << 20 }

// Ready implements service.Stage.
func (*Stage) Ready(ctx context.Context, env service.Env) error { return env.Health(ctx) }

// Run implements service.Stage. When ctx ends it takes nothing more from its
// lanes, gives back what has not started, and finishes the attempts in flight.
func (s *Stage) Run(ctx context.Context, env service.Env) error {
	retries, err := schedule.Parse(s.Schedule)
	if err != nil {
		return err
	}
	drain, done := env.DrainContext(ctx)
	defer done()

	limits := fair.Defaults()
	limits.Slots, limits.BreakerAfter = s.Slots, s.BreakerAfter
	metrics := newMetrics(env.Reg)
	env.ShowWork(metrics.attempts, metrics.firstInShared())
	client := env.Egress.Client(egress.Pool{Idle: limits.Slots, IdlePerHost: limits.Slots / hostShare})
	defer client.CloseIdleConnections()
	book := account.NewBook(env.Egress, client)
	defer book.Close()
	w := &worker{
		directory: env.Directory,
		store:     env.Store,
		log:       env.Log,
		metrics:   metrics,
		caller:    &caller{book: book, timeout: s.Timeout, agent: "Postrider/" + service.Version, trace: env.Trace, tell: s.Tell},
		keep:      keeping(s.KeepHeaders),
		retries:   retries,
		finisher:  newFinisher(env, metrics, s.DisableAfter),
		results:   make(chan *result, limits.Slots),
		moves:     make(chan *move, movesGroup),
		bus:       env.Bus,
		buffer:    newBuffer(),
		trace:     env.Trace,

		unrecorded: newUnrecorded(),
	}
	keeper := lanes.New(lanes.Options{Bus: env.Bus, Log: env.Log, Plan: w.plan})
	metrics.watch(env.Reg, w.buffer, keeper)
	breakers := newBreakers(env.Store, env.Log, keeper.Tell)
	w.standing = newStanding(env.Log)
	w.finisher.standing = w.standing
	w.scheduler = fair.New(limits, func(c fair.BreakerChange) {
		breakers.changed(c)
		w.standing.changed(c)
	})
	env.Reg.MustRegister(newGauges(w.scheduler.Stats))
	self := env.Process()
	stop, err := tellLoad(env.Bus, w.scheduler, keeper, self.Instance())
	if err != nil {
		return err
	}
	defer stop()
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return env.ShowBacklog(ctx, w.backlog) })
	work.Go(func() error { return w.run(ctx, drain, keeper, breakers) })
	work.Go(func() error {
		w.standing.run(ctx)
		return nil
	})
	return work.Wait()
}

// run is the life of the worker. Whoever brings jobs ends first, then the jobs, and
// last those who finish them.
func (w *worker) run(ctx, drain context.Context, keeper *lanes.Keeper, breakers *breakers) error {
	w.start = func(j *job) { w.attempts.Go(func() { w.attempt(drain, j) }) }
	w.back = func(j *job, v fair.Verdict) { w.attempts.Go(func() { w.refuse(drain, j, v) }) }
	defer w.directory.Subscribe(func(tenant event.ID) { tell(keeper, tenant) })()

	var finishing sync.WaitGroup
	for range recorders {
		finishing.Go(func() {
			group.Paced(w.results, recordsGroup, recordEvery, (*result).urgent, func(r []*result) { w.finisher.finish(drain, r) })
		})
	}
	finishing.Go(func() {
		group.Run(w.moves, movesGroup, func(m []*move) { w.finisher.move(drain, m) })
	})
	finishing.Go(func() { breakers.run(drain) })

	sources, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, w.scheduler.Close)() // lanes are left when nothing waits any more
	for _, l := range event.Lanes() {
		sources.Go(func() error {
			return w.bus.EachShard(ctx, func(ctx context.Context, s event.Shard) error { return w.serve(ctx, l, s) })
		})
	}
	sources.Go(func() error { return keeper.Run(ctx) })
	err := sources.Wait()
	w.scheduler.Close()
	w.attempts.Wait()
	close(w.results)
	close(w.moves)
	breakers.close()
	finishing.Wait()
	w.finisher.handing.Wait()
	return err
}

// tell passes a change of a tenant on to its own lanes: one may have been resumed,
// or have got another limit.
func tell(keeper *lanes.Keeper, tenant event.ID) {
	if tenant.IsZero() {
		keeper.TellAll()
		return
	}
	keeper.TellTenant(tenant)
}
