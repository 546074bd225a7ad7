package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/steps"
)

// phase is one load, and what came of it.
type phase struct {
	kind   string // what it is in every run, whatever its rate
	name   string
	result sender.Result
	cost   meter.Cost
	steps  []steps.Cost // of the same CPU, if there were profiles
}

// measure sends one load and measures from the first request to the last
// arrival.
func measure(ctx context.Context, name string, c sender.Config, parts meter.Parts) (p phase, err error) {
	p.name = name
	run, err := sender.Prepare(ctx, c)
	if err != nil {
		return p, fmt.Errorf("prepare load: %w", err)
	}
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	m, err := meter.Start(ctx, parts)
	if err != nil {
		return p, err
	}
	sent := run.Send(ctx)
	if sent == nil {
		sent = run.Drain(ctx)
	}
	p.cost, err = m.End(ctx)
	if err := errors.Join(sent, err); err != nil {
		return p, err
	}
	p.result, err = run.Result(ctx)
	return p, err
}

const (
	// warmUpSpan is longer than deliver looks up everything that it is handed after it
	// has connected, as it may have been made before: 5 s.
	warmUpSpan = 6 * time.Second

	steadyShare = 0.8
)

// warmUp sends a little of a load that is not looked at, as the first requests meet
// empty caches and connections yet to be made.
func warmUp(ctx context.Context, c sender.Config) error {
	_, err := sender.Do(ctx, c)
	return err
}

// measureAll sends the loads that the settings ask for, one after the other.
func measureAll(ctx context.Context, s settings, base sender.Config, parts meter.Parts, progress func(string)) ([]phase, error) {
	var phases []phase
	do := func(kind, name string, rate float64, span time.Duration) error {
		progress(name)
		load := base
		load.Rate, load.Duration = rate, min(span, warmUpSpan)
		if err := warmUp(ctx, load); err != nil {
			return fmt.Errorf("before %s: %w", name, err)
		}
		load.Duration = span
		being := takeProfiles(ctx, s.profiles, kind, parts.Stages, span)
		p, err := measure(ctx, name, load, parts)
		taken, failed := being.wait()
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.kind, p.steps = kind, steps.Divide(p.cost.CPU, taken)
		phases = append(phases, p)
		return nil
	}
	if s.light > 0 {
		if err := do("light", fmt.Sprintf("%.6g/s for %s", s.lightRate, s.light), s.lightRate, s.light); err != nil {
			return nil, err
		}
	}
	if s.saturate <= 0 {
		return phases, nil
	}
	if err := do("saturated", fmt.Sprintf("saturated for %s (%d senders)", s.saturate, base.Senders), 0, s.saturate); err != nil {
		return nil, err
	}
	// What it keeps up with is what went through, not what it took in.
	through := phases[len(phases)-1].result.DeliveredPerSecond() / float64(max(base.Endpoints, 1))
	rate := math.Floor(steadyShare * through)
	if s.steady <= 0 || rate < 1 {
		return phases, nil
	}
	err := do("steady", fmt.Sprintf("%.0f/s for %s (%.0f %% of that)", rate, s.steady, 100*steadyShare), rate, s.steady)
	return phases, err
}
