package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

// level is one of five loads that grow worse: always the same events, but a share
// of the tenants has an endpoint that does badly. What counts is how soon the
// others have theirs.
type level struct {
	ill       float64
	behaviour string
}

// Attempts may take two seconds where it is fifteen otherwise, and are made again
// soon, so that in two minutes everything comes to pass that takes a quarter of
// an hour otherwise: slots are held, breakers open, retries pile up and end.
const (
	levelTimeout = 2 * time.Second
	levelSlow    = "1600ms" // 0.8 of that
	levelRetries = "1s,2s,4s,8s,16s,32s"
)

const (
	levelRate    = 500 // events a second
	levelTenants = 10_000
	levelSpan    = 2 * time.Minute
	levelWarmUp  = 10 * time.Second
	levelSenders = 64
	levelWindows = 60 // parts of the time that latencies are also told of by themselves

	// Of the attempts at healthy endpoints one in a hundred fails, too.
	healthyBehaviour = "fail_rate=0.01"
)

// The most that first attempts of healthy tenants may take from when their event
// was to be sent, in ms.
const (
	levelP95 = 50
	levelP98 = 100
	levelP99 = 150
)

// levels are the five by name.
func levels() []scenario {
	all := []struct {
		name, promise string
		level
	}{
		{"normal", "nearly all attempts succeed", level{}},
		{"slow-partner", "a third of all tenants takes 0.8 of the timeout", level{0.33, "delay=" + levelSlow}},
		{"failing-partner", "a third of all tenants fails every attempt", level{0.33, "fail=all"}},
		{"timeout", "a third of all tenants never answers", level{0.33, "hang=1"}},
		{"apocalypse", "four fifths of all tenants take 0.8 of the timeout and then fail", level{0.8, "fail=all&delay=" + levelSlow}},
	}
	var found []scenario
	for _, each := range all {
		found = append(found, scenario{each.name, each.promise + ", and the healthy have their first attempts at once", each.run, false})
	}
	return found
}

func (l level) run(ctx context.Context, b *bench) error {
	o := stack.Options{Env: []string{
		"POSTRIDER_ATTEMPT_TIMEOUT=" + levelTimeout.String(), "POSTRIDER_RETRY_SCHEDULE=" + levelRetries,
	}}
	return b.with(ctx, o, func(s *system) error { return l.measure(ctx, b, s) })
}

func (l level) measure(ctx context.Context, b *bench, s *system) error {
	p := profile.Even(1, b.rate(levelRate), b.count(levelTenants))
	p.Failing = l.ill
	b.Tell("making %d tenants", p.Tenants)
	healthy, ill, err := s.society(ctx, p, healthyBehaviour, func(profile.Health) string { return l.behaviour })
	if err != nil {
		return err
	}
	b.Tell("warming up")
	if err := s.warm(ctx, p, b.span(levelWarmUp), healthy); err != nil {
		return err
	}
	load := s.profiled(p, b.sending(levelSpan), healthy)
	kinds, windows := s.watch.sort(kindOf), s.watch.follow(load.Duration/levelWindows)
	b.Tell("%.6g events/s for %s, %d of %d tenants are ill", p.Rate, load.Duration, len(ill), p.Tenants)
	var found company
	cost, err := b.metered(ctx, s, func() (err error) { found, err = s.besideIll(ctx, load, ill); return err })
	if err != nil {
		return err
	}
	b.report.Note("events/s, tenants, attempts of at most", "%.6g, %d, %s", p.Rate, p.Tenants, levelTimeout)
	b.report.unhurt("healthy", found.healthy)
	b.report.Check("healthy p95, ms", found.healthy.Latency.P95, findings.Below(levelP95))
	b.report.Check("healthy p98, ms", found.healthy.Latency.P98, findings.Below(levelP98))
	b.report.Check("healthy p99, ms", found.healthy.Latency.P99, findings.Below(levelP99))
	for _, kind := range kinds.names() {
		b.report.Note(fmt.Sprintf("– of %s", kind), "%s", spread(kinds.summary(kind)))
	}
	if err := reportIll(ctx, b, s, found); err != nil {
		return err
	}
	b.report.Plots = append(b.report.Plots, windows.plot())
	cost.Report(b.report.Report, found.healthy.Accepted+found.ill.Accepted)
	return nil
}

// reportIll tells of those from whom nothing is asked.
func reportIll(ctx context.Context, b *bench, s *system, found company) error {
	if found.ill.Accepted == 0 {
		return nil
	}
	all := found.ill.Accepted + found.healthy.Accepted
	b.report.Note("ill tenants have of all events", "%.0f %%", 100*float64(found.ill.Accepted)/float64(all))
	arrived, err := s.loud.counts(ctx, loudClass)
	b.report.Note("– their first attempts, p50 / p95 / p99 / max in ms", "%s", spread(arrived.Latency))
	b.report.Note("– attempts until now, most at once", "%d, %d", arrived.Requests, arrived.MostInFlight)
	return err
}

// warm sends as many events of other moments, which are not looked at, and waits
// until those that failed at first have succeeded: they would count otherwise.
func (s *system) warm(ctx context.Context, p profile.Profile, span time.Duration, to []sender.Target) error {
	p.Seed++
	sent, err := s.send(ctx, s.profiled(p, span, to))
	if err != nil {
		return err
	}
	_, err = s.quiet.await(ctx, quietClass, quietDrain, func(c receiver.Counts) bool { return c.Successes >= sent.Accepted })
	return err
}

// society makes the tenants of a profile, healthy ones at the quiet sink and ill
// ones at the loud one, and says how each kind behaves.
func (s *system) society(ctx context.Context, p profile.Profile, well string, badly func(profile.Health) string) (healthy, ill []sender.Target, err error) {
	all, err := s.each(ctx, p.Tenants, func(n int) (string, endpoint) {
		path, health := fmt.Sprintf("/%d", n), p.Endpoints(n)[0]
		if health == profile.Healthy {
			return path[1:], endpoint{at: s.quiet, path: path, behaviour: "class=" + quietClass + "&" + well}
		}
		return path[1:], endpoint{at: s.loud, path: path, behaviour: "class=" + loudClass + "&" + badly(health)}
	})
	for n, to := range all {
		to.Number = n
		if p.Endpoints(n)[0] == profile.Healthy {
			healthy = append(healthy, to)
		} else {
			ill = append(ill, to)
		}
	}
	return healthy, ill, errors.Join(err, s.settle(ctx))
}

// settle has PostgreSQL look at its tables now, as it does within a minute of their
// being filled: what is measured is a system that has been there since yesterday.
func (s *system) settle(ctx context.Context) (err error) {
	db, closed, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	if _, err := db.Exec(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("analyze tables: %w", err)
	}
	return nil
}

// profiled is the part of a profile that these tenants have, as quiet traffic.
func (s *system) profiled(p profile.Profile, span time.Duration, to []sender.Target) sender.Config {
	c := s.quietLoad(0, span, to)
	c.Profile, c.Senders = &p, levelSenders
	return c
}

// company is what came of a profile that is sent to the healthy and the ill.
type company struct {
	healthy quietResult
	ill     sender.Result
}

// besideIll sends a profile, the part of the healthy from this process and that
// of the ill from another one. Nobody waits for what the ill have coming.
func (s *system) besideIll(ctx context.Context, load sender.Config, ill []sender.Target) (found company, err error) {
	if len(ill) == 0 {
		found.healthy, err = s.send(ctx, load)
		return found, err
	}
	others := load
	others.Sink, others.Class, others.Targets, others.Tenants = s.loud.url, loudClass, ill, len(ill)
	others.Drain, others.Settle = 0, 0
	found.healthy, found.ill, err = s.beside(ctx, others, load)
	return found, err
}

// kindOf is how busy the tenant is at whose path something arrived.
func kindOf(path string) string {
	switch {
	case len(path) <= len("/9"):
		return "the ten busiest"
	case len(path) <= len("/99"):
		return "the next ninety"
	default:
		return "all others"
	}
}
