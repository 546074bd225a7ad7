package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
)

const (
	badTenants   = 100
	badEvents    = 3_000 // of each
	badRate      = 3_000 // events a second, of all together
	quietTenants = 10
	quietOfMany  = 50 // events a second of all quiet tenants together

	// idleSpan is how long the cost of the dead is measured, with nothing else
	// going on, and how long that of nothing at all.
	idleSpan = 30 * time.Second

	// deadCost is what the dead may take of a core once their breakers are open.
	deadCost = 0.05
)

// Breakers count as open when not more than so many attempts come in a while.
// Probes come as well: of a hundred endpoints, two or three a second.
const (
	openLimit    = 5 * time.Minute
	openWatch    = 5 * time.Second
	openAttempts = 50
)

func hundredBad(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return besideBad(ctx, b, s) })
}

func besideBad(ctx context.Context, b *bench, s *system) error {
	to, err := s.quietTenants(ctx, quietTenants)
	if err != nil {
		return err
	}
	b.Tell("quiet alone")
	alone, err := s.alone(ctx, s.quietLoad(quietOfMany, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	idle, err := s.cost(ctx, b.span(idleSpan))
	if err != nil {
		return err
	}
	load, err := s.badLoad(ctx, b)
	if err != nil {
		return err
	}
	b.Tell("beside %d tenants with dead endpoints", len(load.Targets))
	while, loud, err := s.beside(ctx, load, s.quietLoad(quietOfMany, time.Duration(load.Events/badRate)*time.Second, to))
	if err != nil {
		return err
	}
	b.Tell("waiting for the breakers, %d events were accepted in %.0f s", loud.Accepted, loud.Sending.Seconds())
	opened, err := s.awaitOpen(ctx)
	if err != nil {
		b.report.Fault(err)
	}
	// At first the server still syncs what has arrived and forgets its ids, and a
	// breaker that has just opened is probed every few seconds.
	fresh, err := s.cost(ctx, b.span(idleSpan))
	if err != nil {
		return err
	}
	dead, err := s.cost(ctx, b.span(idleSpan))
	if err != nil {
		return err
	}
	b.Tell("beside open breakers")
	after, err := s.send(ctx, s.quietLoad(quietOfMany, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	b.report.unhurt("quiet alone", alone)
	b.report.unhurt("quiet while all arrives", while)
	b.report.unhurt("quiet with breakers open", after)
	b.report.Check("quiet p99 while all arrives, ms", while.Latency.P99, findings.Below(quietTop))
	b.report.Check("quiet p99 when breakers are open, ms", after.Latency.P99, findings.Below(quietTop))
	b.report.Note("breakers open after", "%.0f s", opened.Seconds())
	b.report.Note("deliver and nats-server with nothing to do, of a core", "%.1f %%", 100*idle)
	b.report.Note("and more just after the breakers have opened", "%.1f %%", 100*(fresh-idle))
	b.report.Check("and more with breakers open, % of a core", 100*(dead-idle), findings.Below(100*deadCost))
	return nil
}

// badLoad makes the tenants with dead endpoints: half of them never answer, the
// others fail at once.
func (s *system) badLoad(ctx context.Context, b *bench) (load sender.Config, err error) {
	n := b.count(badTenants)
	silent, err := s.tenants(ctx, (n+1)/2, "silent", s.loud, "class=loud&hang=1")
	if err != nil {
		return load, err
	}
	failing, err := s.tenants(ctx, n/2, "failing", s.loud, "class=loud&fail=all")
	if err != nil {
		return load, err
	}
	all := append(silent, failing...)
	load = s.load(int64(len(all)*badEvents), all...)
	load.Rate = badRate
	return load, nil
}

// cost is what deliver and nats-server take of a core while nothing is sent.
func (s *system) cost(ctx context.Context, span time.Duration) (float64, error) {
	all := s.Processes()
	m, err := meter.Start(ctx, meter.Parts{Processes: map[string]int{deliverStage: all[deliverStage], stack.NATS: all[stack.NATS]}})
	if err != nil {
		return 0, err
	}
	paused := suite.Pause(ctx, span)
	cost, err := m.End(ctx)
	if err == nil {
		err = paused
	}
	return (cost.CPU[deliverStage] + cost.CPU[stack.NATS]).Seconds() / cost.Elapsed.Seconds(), err
}

// awaitOpen waits until hardly any attempts come to the loud sink, and returns
// how long that took.
func (s *system) awaitOpen(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	var last receiver.Counts
	for {
		counts, err := s.loud.counts(ctx, loudClass)
		if err != nil {
			return 0, err
		}
		if !last.First.IsZero() && counts.Requests-last.Requests <= openAttempts && counts.InFlight <= badTenants {
			return time.Since(began), nil
		}
		if time.Since(began) > openLimit {
			return openLimit, fmt.Errorf("wait for breakers: %w: %d attempts in %s, %d in flight",
				errTooLate, counts.Requests-last.Requests, openWatch, counts.InFlight)
		}
		last = counts
		if err := suite.Pause(ctx, openWatch); err != nil {
			return 0, err
		}
	}
}
