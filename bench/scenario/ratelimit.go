package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/suite"
)

const (
	limitRate   = 100 // a second
	limitEvents = 6_000
	limitTop    = 110 // in any second

	// limitOff is by how much the rate may be off, limitRepeats how often a stream
	// may deliver a message.
	limitOff     = 0.02
	limitRepeats = 1.05
)

func rateLimit(ctx context.Context, b *bench) error {
	for _, disturbed := range []bool{false, true} {
		b.report.Within = "undisturbed"
		if disturbed {
			b.report.Within = "worker killed"
		}
		err := b.with(ctx, withWorkers(2), func(s *system) error { return limited(ctx, b, s, disturbed) })
		if err != nil {
			return err
		}
	}
	return nil
}

func limited(ctx context.Context, b *bench, s *system, disturbed bool) error {
	to, err := s.tenant(ctx, "limited", nil, endpoint{
		at: s.loud, path: "/limited", behaviour: "class=loud", settings: fields{"throttleRate": limitRate},
	})
	if err != nil {
		return err
	}
	workers := s.workers()
	if _, err := workers.busiest(ctx); err != nil {
		return err
	}
	watch := watchConsumers(ctx, s.MonitorURL)
	defer watch.close()
	load := s.load(b.events(limitEvents, noiseBatch), to)
	b.Tell("%d events", load.Events)
	if _, err := shout(ctx, load); err != nil {
		return err
	}
	planned := time.Duration(load.Events/limitRate) * time.Second
	if disturbed {
		if err := suite.Pause(ctx, planned/2); err != nil {
			return err
		}
		name, err := workers.kill(ctx)
		if err != nil {
			return err
		}
		b.Tell("killed %s", name)
	}
	arrived, late := s.loud.await(ctx, loudClass, 2*planned, func(c receiver.Counts) bool { return c.Distinct >= load.Events })
	if late != nil {
		b.report.Fault(late)
	}
	if err := suite.Pause(ctx, settle); err != nil {
		return err
	}
	seen, err := watch.end()
	if err != nil {
		return err
	}
	rate, took := rateWithin(arrived, planned)
	b.report.Check(fmt.Sprintf("deliveries a second, over %.1f s", took.Seconds()), rate,
		findings.AtLeast(limitRate*(1-limitOff)), findings.AtMost(limitRate*(1+limitOff)))
	b.report.Note("the last one came after", "%.1f s", arrived.LastNew.Sub(arrived.First).Seconds())
	b.report.Check("most in any second", float64(arrived.MostPerSecond), findings.AtMost(limitTop))
	b.report.Note("duplicates", "%d", arrived.Duplicates)
	shared, own := seen.deliveries("DELIVER"), seen.deliveries("OVERFLOW")
	b.report.Note("deliveries by shared and own lanes", "%d, %d", shared, own)
	b.report.Check("of both for each message", float64(shared+own)/float64(load.Events), findings.AtMost(limitRepeats))
	return nil
}

// rateWithin is the rate at which requests came, a second, until the last one or, if
// that came later, in so many whole seconds: what was in flight with a worker that was
// killed comes half a minute later, and says nothing of the rate.
func rateWithin(c receiver.Counts, planned time.Duration) (rate float64, over time.Duration) {
	if all := c.LastNew.Sub(c.First); all <= planned {
		return float64(c.Distinct-1) / all.Seconds(), all
	}
	whole := min(int(planned/time.Second), len(c.Seconds))
	var n int64
	for _, came := range c.Seconds[:whole] {
		n += came
	}
	return float64(n) / float64(whole), time.Duration(whole) * time.Second
}
