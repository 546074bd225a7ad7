package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/shared/stack"
)

const (
	doorRate    = 200 // good events a second
	doorSpan    = 30 * time.Second
	doorTenants = 10

	slowConnections = 2_000
	wrongLogins     = 10_000

	// doorTimes is how many times as long the 99th of a hundred good requests may
	// take while others besiege the door.
	doorTimes = 3
)

func frontDoor(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		to, err := s.quietTenants(ctx, doorTenants)
		if err != nil {
			return err
		}
		span := b.span(doorSpan)
		b.tell("good requests alone")
		alone, err := s.alone(ctx, doorRate, span, to)
		if err != nil {
			return err
		}
		plan := siege{URL: s.URL, Slow: b.count(slowConnections), Logins: b.count(wrongLogins), Span: span}
		b.tell("beside %d slow connections and %d wrong tokens", plan.Slow, plan.Logins)
		under, err := startJob(ctx, siegePart, plan)
		if err != nil {
			return err
		}
		beside, err := s.send(ctx, doorRate, span, to)
		var met met
		if err := errors.Join(err, under.wait(&met)); err != nil {
			return err
		}
		b.report.unhurt("good requests alone", alone)
		b.report.unhurt("good requests beside all that", beside)
		b.report.Note("slow connections open, mean and most", "%.0f / %d", met.MeanOpen, met.MostOpen)
		b.report.Note("of them closed by the server, and opened again", "%d", met.Closed)
		b.report.Note("wrong tokens answered 401 / 429", "%d / %d", met.Wrong, met.Limited)
		b.report.Note("the longest wait for such an answer, ms", "%.0f", met.Longest)
		if met.Other > 0 {
			b.report.Fault(fmt.Errorf("%d of the wrong tokens were answered otherwise, or not at all", met.Other))
		}
		b.report.Check("slow connections that could be held open, of those wanted, %", 100*met.MeanOpen/float64(plan.Slow), findings.AtLeast(50))
		b.report.Check("accept p99 beside all that, ms", beside.AcceptLatency.P99, findings.AtMost(doorTimes*alone.AcceptLatency.P99))
		return nil
	})
}
