package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/cgroup"
	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
)

const (
	quarterCPU     = 0.25
	quarterMemory  = 500_000_000 // bytes
	quarterLeast   = 700         // attempts a second
	quarterTenants = 200

	// quarterRate is more than is promised, so that there is always something to do.
	quarterRate   = 2_000 // events a second
	quarterBatch  = 10
	quarterSpan   = time.Minute
	quarterRampUp = 10 * time.Second // until it is at its limit

	// quarterSlack is by how much the kernel and our clock may differ about a quarter.
	quarterSlack = 0.1
)

// quarter has all of the machine for everybody but deliver, which is in a control
// group.
func quarter(ctx context.Context, b *bench) (err error) {
	group, err := cgroup.New(cgroup.Limits{CPUs: quarterCPU, Memory: quarterMemory})
	if errors.Is(err, cgroup.ErrNone) {
		return fmt.Errorf("%w: %w", suite.ErrNotTested, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, group.Close()) }() // when deliver has ended
	return b.with(ctx, stack.Options{}, func(s *system) error {
		if err := s.confine(ctx, deliverStage, group); err != nil {
			return err
		}
		return confined(ctx, b, s)
	})
}

// confine starts a process anew, in a group.
func (s *system) confine(ctx context.Context, name string, group *cgroup.Group) error {
	if err := s.Kill(ctx, name); err != nil {
		return err
	}
	if err := group.Start(func() error { return s.Launch(ctx, name) }); err != nil {
		return fmt.Errorf("confine %s: %w", name, err)
	}
	return s.AwaitReady(ctx, name)
}

func confined(ctx context.Context, b *bench, s *system) error {
	to, err := s.tenants(ctx, b.count(quarterTenants), "tenant", s.loud, "class="+loudClass)
	if err != nil {
		return err
	}
	load := s.load(0, to...)
	load.Rate, load.Duration, load.Batch = b.rate(quarterRate), b.sending(quarterSpan), quarterBatch
	b.Tell("%.6g events/s for %s", load.Rate, load.Duration)
	found, loud, err := s.whileSending(ctx, b, load)
	if err != nil {
		return err
	}
	seconds := found.cost.Elapsed.Seconds()
	b.report.Note("events/s that were sent, of which accepted", "%.6g, %.0f", load.Rate, loud.AcceptedPerSecond())
	b.report.Note("deliveries that wait at the end", "%d", found.waiting)
	b.report.Check("attempts/s", float64(found.attempts)/seconds, findings.AtLeast(quarterLeast))
	b.report.Check("CPU of deliver, cores", found.cost.CPU[deliverStage].Seconds()/seconds, findings.AtMost(quarterCPU*(1+quarterSlack)))
	b.report.Check("most memory of deliver, MB", float64(found.cost.Peak[deliverStage])/1e6, findings.AtMost(quarterMemory/1e6))
	found.cost.Report(b.report.Report, found.attempts)
	return nil
}

// passage is what went on at the loud sink for a while.
type passage struct {
	attempts int64
	cost     meter.Cost
	waiting  int64 // deliveries, at its end
}

// whileSending sends noise, and looks at what arrives from when it has ramped up to
// shortly before it ends.
func (s *system) whileSending(ctx context.Context, b *bench, load sender.Config) (p passage, loud sender.Result, err error) {
	n, err := startNoise(ctx, load, lower()...)
	if err != nil {
		return p, loud, err
	}
	p, err = s.passing(ctx, min(b.span(quarterRampUp), load.Duration/4), load.Duration/2)
	loud, failed := n.wait()
	return p, loud, errors.Join(err, failed)
}

// passing looks for a span after a pause.
func (s *system) passing(ctx context.Context, pause, span time.Duration) (p passage, err error) {
	if err := suite.Pause(ctx, pause); err != nil {
		return p, err
	}
	before, err := s.loud.counts(ctx, loudClass)
	if err != nil {
		return p, err
	}
	m, err := meter.Start(ctx, meter.Of(s.Stack))
	if err != nil {
		return p, err
	}
	paused := suite.Pause(ctx, span)
	p.cost, err = m.End(ctx)
	if err := errors.Join(paused, err); err != nil {
		return p, err
	}
	after, err := s.loud.counts(ctx, loudClass)
	if err != nil {
		return p, err
	}
	streams, err := s.waiting(ctx)
	p.attempts, p.waiting = after.Requests-before.Requests, streams["DELIVER"]+streams["OVERFLOW"]
	return p, err
}
