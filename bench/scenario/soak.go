package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/shared/stack"
)

const (
	soakRate = 500 // events a second
	soakSpan = time.Hour

	// What is always so by then: endpoints have been found to be ill, and retries
	// come as often as they end.
	soakRetries = "1s,5s,15s,30s,1m"
	soakTimeout = "5s"

	soakHealthy = "fail_rate=0.05"
	soakSlow    = "delay=2s"
)

// How much more of something there may be in the last third of the time than in
// the one before: a tenth, and what is nothing beside it. The first third is for
// caches and pools to fill.
const (
	soakGrowth      = 0.1
	soakMemory      = 8 // MiB
	soakGoroutines  = 20
	soakConnections = 5
	soakFiles       = 50
	soakMessages    = 500 // a second's worth
	soakRows        = 500 // of a table that keeps nothing of events
	soakLatency     = 5   // ms
)

// soakCached is what a delivery that waits takes of the memory of nats-server, in MiB:
// it keeps blocks of a stream for 10 s after something was read from them, and where
// hundreds of lanes are probed that is all of them; and as much again for its garbage
// collector. Measured: 60,000 messages that wait for 300 lanes are 80 MiB in use.
const soakCached = 2 * 80.0 / 60_000

// endless are the streams where deliveries to the ill wait for as long as it takes.
func endless() []string { return []string{"OVERFLOW", "RETRY"} }

func soak(ctx context.Context, b *bench) error {
	o := stack.Options{Env: []string{"POSTRIDER_ATTEMPT_TIMEOUT=" + soakTimeout, "POSTRIDER_RETRY_SCHEDULE=" + soakRetries}}
	return b.with(ctx, o, func(s *system) error { return soaked(ctx, b, s) })
}

func soaked(ctx context.Context, b *bench, s *system) error {
	p := profile.Even(1, b.rate(soakRate), b.count(levelTenants))
	p.Slow, p.Failing, p.Dead = 0.02, 0.02, 0.01
	old, err := s.makeOldDays(ctx)
	if err != nil {
		return err
	}
	b.Tell("making %d tenants", p.Tenants)
	healthy, ill, err := s.society(ctx, p, soakHealthy, soakBehaviour)
	if err != nil {
		return err
	}
	load := s.profiled(p, b.sending(soakSpan), healthy)
	windows := s.watch.follow(load.Duration / meter.MaxPoints)
	b.Tell("%.6g events/s for %s, %d of %d tenants are ill", p.Rate, load.Duration, len(ill), p.Tenants)
	var found company
	cost, err := b.metered(ctx, s, func() (err error) { found, err = s.besideIll(ctx, load, ill); return err })
	if err != nil {
		return err
	}
	b.report.unhurt("healthy", found.healthy)
	if err := reportIll(ctx, b, s, found); err != nil {
		return err
	}
	b.report.Plots = append(b.report.Plots, windows.plot())
	b.report.flat(windows.plot(), soakLatency)
	b.report.steady(cost.Plots)
	if err := found.keeps(ctx, b, s); err != nil {
		return err
	}
	cost.Report(b.report.Report, found.healthy.Accepted+found.ill.Accepted)
	return old.left(ctx, b, s)
}

// steady holds against growing what must not grow.
func (r *report) steady(plots []findings.Plot) {
	for _, plot := range plots {
		switch plot.Title {
		case meter.MemoryPlot:
			r.flat(but(plot, stack.NATS), soakMemory)
			r.flat(only(plot, stack.NATS), soakMemory+soakCached*more(plots))
		case meter.GoroutinesPlot:
			r.flat(plot, soakGoroutines)
		case meter.ConnectionsPlot:
			r.flat(plot, soakConnections)
		case meter.FilesPlot:
			r.flat(plot, soakFiles)
		case meter.StreamsPlot:
			r.flat(but(plot, endless()...), soakMessages)
		case meter.RowsPlot:
			r.flat(but(plot, kept()...), soakRows)
		}
	}
}

// more is how many more deliveries waited in the last third than in the one before.
func more(plots []findings.Plot) (messages float64) {
	for _, plot := range plots {
		if plot.Title != meter.StreamsPlot {
			continue
		}
		for _, l := range only(plot, endless()...).Lines {
			before, after, _ := thirds(l)
			messages += max(after-before, 0)
		}
	}
	return messages
}

// keeps holds what is stored against what was sent. Attempts are counted here before
// those that have arrived: each is made first, and recorded then.
func (c *company) keeps(ctx context.Context, b *bench, s *system) error {
	quiet, err1 := s.quiet.counts(ctx, quietClass)
	loud, err2 := s.loud.counts(ctx, loudClass)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	all := c.healthy.Accepted + c.healthy.Failed + c.ill.Accepted + c.ill.Failed // a failed one may be stored
	return most{all, quiet.Requests + loud.Requests, c.ill.Accepted + c.ill.Failed}.rows(ctx, b, s)
}

func soakBehaviour(h profile.Health) string {
	switch h {
	case profile.Slow:
		return soakSlow
	case profile.Dead:
		return "hang=1"
	default:
		return "fail=all"
	}
}

var errShort = errors.New("too few looks to tell whether it grows")

// flat holds each line of a plot against growing: in the last third of the time it
// may be a tenth and so much more than in the second.
func (r *report) flat(p findings.Plot, slack float64) {
	for _, l := range p.Lines {
		what := p.Title + ", " + l.Name
		before, after, ok := thirds(l)
		if !ok {
			r.Fault(fmt.Errorf("%s: %w", what, errShort))
			continue
		}
		r.Figure(what+": in the second third", before)
		r.Check(what+": in the last third", after, findings.AtMost(before*(1+soakGrowth)+slack))
	}
}

// thirds are the medians of the second and the last third of a line, ok when there
// is enough of it.
func thirds(l findings.Line) (second, last float64, ok bool) {
	n := len(l.Points)
	if n < 9 {
		return 0, 0, false
	}
	return middle(l.Points[n/3 : 2*n/3]), middle(l.Points[2*n/3:]), true
}

func middle(points []findings.Point) float64 {
	var values []float64
	for _, p := range points {
		values = append(values, p.Value)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
