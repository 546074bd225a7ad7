package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

const (
	doorRate    = 200 // good events a second
	doorSpan    = 30 * time.Second
	doorTenants = 10

	slowConnections = 2_000
	wrongLogins     = 10_000

	// doorTimes is how many times as long the 99th of a hundred good requests may
	// take while others besiege the door. Both are looked at by turns, so often, and
	// the medians compared: a machine that stands still for seconds does so in one.
	doorTimes  = 3
	doorRounds = 3
)

func frontDoor(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		to, err := s.quietTenants(ctx, doorTenants)
		if err != nil {
			return err
		}
		var alone, beside []float64
		for round := range doorRounds {
			b.report.Within = fmt.Sprintf("round %d", round+1)
			one, other, err := s.doorRound(ctx, b, to)
			if err != nil {
				return err
			}
			alone, beside = append(alone, one), append(beside, other)
		}
		b.report.Within = ""
		b.report.Note("median of accept p99 alone, ms", "%.1f", median(alone))
		b.report.Check("median of accept p99 beside all that, ms", median(beside), findings.AtMost(doorTimes*median(alone)))
		return nil
	})
}

// doorRound returns what accept p99 was alone and beside a siege.
func (s *system) doorRound(ctx context.Context, b *bench, to []sender.Target) (one, other float64, err error) {
	span := b.span(doorSpan)
	b.Tell("good requests alone")
	alone, err := s.alone(ctx, s.quietLoad(doorRate, span, to))
	if err != nil {
		return 0, 0, err
	}
	plan := siege{URL: s.URL, Slow: b.count(slowConnections), Logins: b.count(wrongLogins), Span: span}
	b.Tell("beside %d slow connections and %d wrong tokens", plan.Slow, plan.Logins)
	under, err := startJob(ctx, siegePart, plan, lower()...)
	if err != nil {
		return 0, 0, err
	}
	beside, err := s.send(ctx, s.quietLoad(doorRate, span, to))
	var met met
	if err := errors.Join(err, under.wait(&met)); err != nil {
		return 0, 0, err
	}
	b.report.unhurt("good requests alone", alone)
	b.report.unhurt("good requests beside all that", beside)
	b.report.Note("slow connections open, mean and most", "%.0f / %d", met.MeanOpen, met.MostOpen)
	b.report.Note("of them closed by the server, and opened again", "%d", met.Closed)
	b.report.Note("wrong tokens answered 401 / 429 / otherwise or not in time", "%d / %d / %d", met.Wrong, met.Limited, met.Other)
	b.report.Note("the longest wait for such an answer, ms", "%.0f", met.Longest)
	b.report.Check("slow connections that could be held open, of those wanted, %", 100*met.MeanOpen/float64(plan.Slow), findings.AtLeast(50))
	return alone.AcceptLatency.P99, beside.AcceptLatency.P99, nil
}

// median of an odd number of values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
