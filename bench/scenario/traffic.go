package main

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/suite"
)

// How loads are sent, where a scenario says nothing else.
const (
	quietSenders = 32
	quietDrain   = 30 * time.Second
	settle       = 500 * time.Millisecond // for duplicates
	warmUp       = 3 * time.Second

	noiseBatch   = 100
	noiseRate    = 2_000 // events a second: about half of what the build machine can take
	noiseSenders = 4
	noiseLimit   = time.Hour // so long a load is sent at most
	eventSize    = 1024      // bytes
)

// quietResult is what came of quiet traffic. Its Latency counts from when an event
// was to be sent.
type quietResult struct {
	sender.Result
	AfterAcceptance latency.Summary // of first attempts, from the answer to the post to their arrival
}

// quietLoad is quiet traffic by the clock, all of which is waited for.
func (s *system) quietLoad(rate float64, span time.Duration, to []sender.Target) sender.Config {
	return sender.Config{
		URL: s.URL, Token: s.Token, Sink: s.quiet.url,
		Tenants: len(to), Targets: to, Class: quietClass,
		Rate: rate, Senders: quietSenders, Duration: span, Drain: quietDrain, Settle: settle,
		Size: eventSize, Idempotency: true, Keep: true, Accepted: s.watch.start,
	}
}

// send sends quiet traffic, and returns what came of it when all of it has
// arrived.
func (s *system) send(ctx context.Context, quiet sender.Config) (quietResult, error) {
	s.watch.reset()
	result, err := sender.Do(ctx, quiet)
	return quietResult{result, s.watch.summary()}, err
}

// alone sends quiet traffic after a little of it that is not looked at, as the
// first requests meet empty caches and connections yet to be made.
func (s *system) alone(ctx context.Context, quiet sender.Config) (quietResult, error) {
	first := quiet
	first.Duration = min(warmUp, quiet.Duration)
	if _, err := s.send(ctx, first); err != nil {
		return quietResult{}, err
	}
	return s.send(ctx, quiet)
}

// load is noise: so many events as fast as they are taken, in batches, without
// waiting until any of them arrives. With a rate it comes by the clock.
func (s *system) load(events int64, to ...sender.Target) sender.Config {
	return sender.Config{
		URL: s.URL, Token: s.Token, Sink: s.loud.url,
		Tenants: len(to), Targets: to, Class: loudClass,
		Events: events, Batch: noiseBatch, Senders: noiseSenders, Duration: noiseLimit,
		Size: eventSize, Idempotency: true, Keep: true,
	}
}

// beside sends quiet traffic from the moment that the noise begins, and returns
// both results when all quiet events have arrived and all noise was accepted.
func (s *system) beside(ctx context.Context, noise, load sender.Config) (quiet quietResult, loud sender.Result, err error) {
	quiet, loud, err = s.together(ctx, noise, load, lower()...)
	if err == nil {
		err = whole(loud)
	}
	return quiet, loud, err
}

// together does the same with noise at some priority, and not all of it need be accepted.
func (s *system) together(ctx context.Context, noise, load sender.Config, priority ...string) (quiet quietResult, loud sender.Result, err error) {
	if err := s.writeOut(ctx); err != nil {
		return quiet, loud, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n, err := startNoise(ctx, noise, priority...)
	if err != nil {
		return quiet, loud, err
	}
	quiet, err = s.send(ctx, load)
	if err != nil {
		cancel()
		_, _ = n.wait() // it was killed
		return quiet, loud, err
	}
	loud, err = n.wait()
	return quiet, loud, err
}

// shout makes noise and waits until it has been made.
func shout(ctx context.Context, load sender.Config) (sender.Result, error) {
	n, err := startNoise(ctx, load, lower()...)
	if err != nil {
		return sender.Result{}, err
	}
	made, err := n.wait()
	if err == nil {
		err = whole(made)
	}
	return made, err
}

// progressTick is how often it is told how a long load goes.
const progressTick = 15 * time.Second

// metered measures what the system costs while something goes on, and tells how it
// goes.
func (b *bench) metered(ctx context.Context, s *system, run func() error) (meter.Cost, error) {
	m, err := meter.Start(ctx, meter.Of(s.Stack))
	if err != nil {
		return meter.Cost{}, err
	}
	telling, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		for suite.Pause(telling, progressTick) == nil {
			s.progress(telling, b.Tell)
		}
	}()
	failed := run()
	stop()
	<-told
	cost, err := m.End(ctx)
	return cost, errors.Join(failed, err)
}

// progress tells what has arrived until now. Whoever cannot be asked is asked
// again soon.
func (s *system) progress(ctx context.Context, tell func(string, ...any)) {
	quiet, err := s.quiet.counts(ctx, quietClass)
	if err != nil {
		return
	}
	loud, err := s.loud.counts(ctx, loudClass)
	if err != nil {
		return
	}
	tell("%d events have arrived after %s; elsewhere %d, %d in flight", quiet.Distinct, quiet.Latency, loud.Distinct, loud.InFlight)
}
