package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/suite"
)

const (
	recoveryEvents = 50_000

	// brokenSpan stands for the hour, with a breaker and a schedule that are as
	// much faster.
	brokenSpan    = 2 * time.Minute
	breakerAfter  = 5 * time.Second
	recoveryLimit = 10 * time.Minute

	// probeLimit is the longest time between two probes of an open breaker, with
	// what they may be late.
	probeLimit = 2*time.Minute + 10*time.Second

	endpointCap = 16 // requests at once at an endpoint
)

// recoverySchedule goes on for longer than the endpoint is broken.
func recoverySchedule() []string {
	return append([]string{"1s", "2s", "5s", "10s", "30s"}, slices.Repeat([]string{"1m"}, 20)...)
}

func recovery(ctx context.Context, b *bench) error {
	o := withWorkers(1, "POSTRIDER_BREAKER_AFTER="+breakerAfter.String())
	return b.with(ctx, o, func(s *system) error { return recovered(ctx, b, s) })
}

func recovered(ctx context.Context, b *bench, s *system) error {
	to, err := s.tenant(ctx, "broken", nil, endpoint{
		at: s.loud, path: "/broken", behaviour: "class=loud&fail=all",
		settings: fields{"retrySchedule": recoverySchedule()},
	})
	if err != nil {
		return err
	}
	load := s.load(b.events(recoveryEvents, noiseBatch), to)
	b.Tell("%d events to a broken endpoint", load.Events)
	began := time.Now()
	if _, err := shout(ctx, load); err != nil {
		return err
	}
	span := b.span(brokenSpan)
	if err := suite.Pause(ctx, time.Until(began.Add(span))); err != nil {
		return err
	}
	broken, err := s.loud.counts(ctx, loudClass)
	if err != nil {
		return err
	}
	if err := s.loud.forget(ctx, loudClass); err != nil {
		return err
	}
	b.Tell("it is healthy again, after %d attempts", broken.Requests)
	if err := s.loud.behave(ctx, "/broken", "class=loud&delay=5ms"); err != nil {
		return err
	}
	healed := time.Now()
	arrived, late := s.loud.await(ctx, loudClass, recoveryLimit, func(c receiver.Counts) bool { return c.Successes >= load.Events })
	if late != nil {
		b.report.Fault(late)
	}
	b.report.Note(fmt.Sprintf("attempts while it was broken, in %.0f s", span.Seconds()), "%d, in the last 30 s %d", broken.Requests, lastOf(broken, 30))
	b.report.Check("most requests at once while it was broken", float64(broken.MostAtOnePath), findings.AtMost(endpointCap))
	b.report.Check("first probe of the healthy one, s", arrived.First.Sub(healed).Seconds(), findings.AtMost(probeLimit.Seconds()))
	b.report.Note("requests in each second from then on", "%s", firstOf(arrived, 10))
	b.report.Check("most requests at once", float64(arrived.MostAtOnePath), findings.AtMost(endpointCap))
	b.report.Check("events with success", float64(arrived.Successes), findings.Exactly(float64(load.Events)))
	b.report.Note("duplicates", "%d", arrived.Duplicates)
	b.report.Note("all had arrived after", "%.0f s", arrived.LastNew.Sub(healed).Seconds())
	return nil
}

// lastOf is how many requests came in the last so many seconds before the last
// request.
func lastOf(c receiver.Counts, seconds int) (n int64) {
	for _, in := range c.Seconds[max(0, len(c.Seconds)-seconds):] {
		n += in
	}
	return n
}

// firstOf shows how many requests came in each of the first seconds.
func firstOf(c receiver.Counts, seconds int) string {
	var all []string
	for _, n := range c.Seconds[:min(seconds, len(c.Seconds))] {
		all = append(all, fmt.Sprint(n))
	}
	return strings.Join(all, " ")
}
