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
	soakMessages    = 500 // a second's worth
	soakLatency     = 5   // ms
)

func soak(ctx context.Context, b *bench) error {
	o := stack.Options{Env: []string{"POSTRIDER_ATTEMPT_TIMEOUT=" + soakTimeout, "POSTRIDER_RETRY_SCHEDULE=" + soakRetries}}
	return b.with(ctx, o, func(s *system) error { return soaked(ctx, b, s) })
}

func soaked(ctx context.Context, b *bench, s *system) error {
	p := profile.Even(1, b.rate(soakRate), b.count(levelTenants))
	p.Slow, p.Failing, p.Dead = 0.02, 0.02, 0.01
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
	for _, plot := range cost.Plots {
		switch plot.Title {
		case meter.MemoryPlot:
			b.report.flat(plot, soakMemory)
		case meter.GoroutinesPlot:
			b.report.flat(plot, soakGoroutines)
		case meter.ConnectionsPlot:
			b.report.flat(plot, soakConnections)
		case meter.StreamsPlot:
			b.report.flat(plot, soakMessages, "OVERFLOW", "RETRY") // where that of ill endpoints waits
		case meter.RowsPlot:
			b.report.grown(plot) // days are kept as long as they are told
		}
	}
	cost.Report(b.report.Report, found.healthy.Accepted+found.ill.Accepted)
	return nil
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

// flat holds each line of a plot against growing, but for some: in the last third
// of the time it may be a tenth and so much more than in the second.
func (r *report) flat(p findings.Plot, slack float64, but ...string) {
	for _, l := range p.Lines {
		before, after, ok := thirds(l)
		switch what := p.Title + ", " + l.Name; {
		case slices.Contains(but, l.Name):
		case !ok:
			r.Fault(fmt.Errorf("%s: %w", what, errShort))
		default:
			r.Figure(what+": in the second third", before)
			r.Check(what+": in the last third", after, findings.AtMost(before*(1+soakGrowth)+slack))
		}
	}
}

// grown tells how much each line of a plot grew.
func (r *report) grown(p findings.Plot) {
	for _, l := range p.Lines {
		if before, after, ok := thirds(l); ok {
			r.Note(fmt.Sprintf("%s, %s: in the second and the last third", p.Title, l.Name), "%.0f, %.0f", before, after)
		}
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
