package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
)

// phase is one load, and what came of it.
type phase struct {
	name   string
	result sender.Result
	cost   meter.Cost
}

// measure sends one load and measures from the first request to the last
// arrival.
func measure(ctx context.Context, name string, c sender.Config, pids map[string]int) (p phase, err error) {
	p.name = name
	run, err := sender.Prepare(ctx, c)
	if err != nil {
		return p, fmt.Errorf("prepare load: %w", err)
	}
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	m, err := meter.Start(ctx, pids)
	if err != nil {
		return p, err
	}
	sent := run.Send(ctx)
	if sent == nil {
		sent = run.Drain(ctx)
	}
	p.cost, err = m.End()
	if err := errors.Join(sent, err); err != nil {
		return p, err
	}
	p.result, err = run.Result(ctx)
	return p, err
}

const (
	warmupSpan  = 2 * time.Second
	steadyShare = 0.8
)

// measureAll sends the loads that the settings ask for, one after the other.
func measureAll(ctx context.Context, s settings, base sender.Config, pids map[string]int, progress func(string)) ([]phase, error) {
	var phases []phase
	do := func(name string, rate float64, span time.Duration) error {
		progress(name)
		load := base
		load.Rate, load.Duration = rate, span
		p, err := measure(ctx, name, load, pids)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		phases = append(phases, p)
		return nil
	}
	if s.light > 0 {
		// The first requests meet empty caches and connections yet to be made.
		if err := do("warm-up", s.lightRate, min(s.light, warmupSpan)); err != nil {
			return nil, err
		}
		phases = nil
		if err := do(fmt.Sprintf("%.6g/s for %s", s.lightRate, s.light), s.lightRate, s.light); err != nil {
			return nil, err
		}
	}
	if s.saturate <= 0 {
		return phases, nil
	}
	if err := do(fmt.Sprintf("saturated for %s (%d senders)", s.saturate, base.Senders), 0, s.saturate); err != nil {
		return nil, err
	}
	// What it keeps up with is what went through, not what it took in.
	through := phases[len(phases)-1].result.DeliveredPerSecond() / float64(max(base.Endpoints, 1))
	rate := math.Floor(steadyShare * through)
	if s.steady <= 0 || rate < 1 {
		return phases, nil
	}
	err := do(fmt.Sprintf("%.0f/s for %s (%.0f %% of that)", rate, s.steady, 100*steadyShare), rate, s.steady)
	return phases, err
}
