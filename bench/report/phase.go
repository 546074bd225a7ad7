package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/sender"
)

// phase is one load, and what came of it.
type phase struct {
	name   string
	result sender.Result
	cost   cost
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
	meter, err := startMeter(ctx, pids)
	if err != nil {
		return p, err
	}
	sent := run.Send(ctx)
	if sent == nil {
		sent = run.Drain(ctx)
	}
	p.cost, err = meter.end()
	if err := errors.Join(sent, err); err != nil {
		return p, err
	}
	p.result, err = run.Result(ctx)
	return p, err
}

// measureAll runs the phases that the settings ask for, one after the other.
func measureAll(ctx context.Context, s settings, base sender.Config, pids map[string]int, progress func(string)) ([]phase, error) {
	var phases []phase
	do := func(name string, span time.Duration, change func(*sender.Config)) error {
		c := base
		c.Duration = span
		change(&c)
		progress(name)
		p, err := measure(ctx, name, c, pids)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		phases = append(phases, p)
		return nil
	}
	if s.light > 0 {
		// The first requests meet empty caches and unmade connections.
		progress("warm-up")
		warmup := base
		warmup.Rate, warmup.Duration = s.lightRate, min(s.light, warmupSpan)
		if _, err := measure(ctx, "warm-up", warmup, pids); err != nil {
			return nil, fmt.Errorf("warm-up: %w", err)
		}
		name := fmt.Sprintf("%.6g/s for %s", s.lightRate, s.light)
		if err := do(name, s.light, func(c *sender.Config) { c.Rate = s.lightRate }); err != nil {
			return nil, err
		}
	}
	if s.saturate <= 0 {
		return phases, nil
	}
	name := fmt.Sprintf("saturated for %s (%d senders)", s.saturate, base.Senders)
	if err := do(name, s.saturate, func(c *sender.Config) { c.Rate = 0 }); err != nil {
		return nil, err
	}
	// What it keeps up with is what went through, not what it took in.
	rate := float64(int(steadyShare * phases[len(phases)-1].result.DeliveredPerSecond() / float64(base.Endpoints)))
	if s.steady <= 0 || rate < 1 {
		return phases, nil
	}
	name = fmt.Sprintf("%.0f/s for %s (%.0f %% of saturation)", rate, s.steady, 100*steadyShare)
	err := do(name, s.steady, func(c *sender.Config) { c.Rate = rate })
	return phases, err
}

const (
	warmupSpan  = 2 * time.Second
	steadyShare = 0.8
)
