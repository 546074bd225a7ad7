package main

import (
	"context"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

const (
	burstRate     = 15_400 // events a second
	burstSpan     = 10 * time.Second
	burstPartners = 10 // who have them
	burstSenders  = 64

	// burstQuiet is how long the average is sent, from the beginning of the burst
	// on: for about as long as it takes to deliver it.
	burstQuiet = time.Minute

	burstAccept = 500 // ms, p99 of acceptance
	burstTop    = 250 // ms, p99 of others' first attempts
)

func burst(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return besideBurst(ctx, b, s) })
}

func besideBurst(ctx context.Context, b *bench, s *system) error {
	p := profile.Even(1, profile.Average, b.count(levelTenants))
	b.Tell("making %d tenants", p.Tenants)
	usual, _, err := s.society(ctx, p, "", nil)
	if err != nil {
		return err
	}
	partners, err := s.tenants(ctx, burstPartners, "partner", s.loud, "class=loud")
	if err != nil {
		return err
	}
	b.Tell("the average alone")
	alone, err := s.alone(ctx, s.profiled(p, b.span(quietSpan), usual))
	if err != nil {
		return err
	}
	load := s.load(0, partners...)
	load.Rate, load.Duration, load.Senders, load.Drain = b.rate(burstRate), b.sending(burstSpan), burstSenders, loudDrain
	b.Tell("and %.6g events/s for %s on top of it", load.Rate, load.Duration)
	p.Seed++
	quiet := s.profiled(p, b.span(burstQuiet), usual)
	windows := s.watch.follow(quiet.Duration / levelWindows)
	var beside quietResult
	var loud sender.Result
	cost, err := b.metered(ctx, s, func() (err error) {
		beside, loud, err = s.together(ctx, load, quiet) // at no lower priority: how soon it is accepted is looked at
		return err
	})
	if err != nil {
		return err
	}
	b.report.unhurt("others alone", alone)
	b.report.unhurt("others beside the burst", beside)
	b.report.Check("others' p99 beside it, ms", beside.Latency.P99, findings.Below(burstTop))
	b.report.Note("burst: accepted, in batches of", "%d events, %d", loud.Accepted, noiseBatch)
	b.report.Note("burst: accepted/s", "%.0f", loud.AcceptedPerSecond())
	b.report.Check("burst: events that were not accepted", float64(loud.Failed+loud.Unsent), findings.Exactly(0))
	b.report.Check("burst: p99 of acceptance, ms", loud.AcceptLatency.P99, findings.Below(burstAccept))
	b.report.Note("burst: all had arrived after", "%.1f s, %.0f/s", loud.Delivering.Seconds(), loud.DeliveredPerSecond())
	b.report.complete("burst", loud)
	b.report.Plots = append(b.report.Plots, windows.plot())
	cost.Report(b.report.Report, loud.Delivered+beside.Delivered)
	return nil
}
