package main

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/stack"
)

const (
	// millionBatch makes as many events wait as fast as they can be taken in.
	millionBatch = 1000

	// millionSize is small: what is measured is that they are many.
	millionSize = 128

	// millionRate and millionSpan make p99 the 60th largest of 6,000: it is to be
	// compared to a fifth.
	millionRate = 100
	millionSpan = time.Minute
)

func million(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return besideMillion(ctx, b, s) })
}

func besideMillion(ctx context.Context, b *bench, s *system) error {
	to, err := s.quietTenants(ctx, quietTenants)
	if err != nil {
		return err
	}
	dead, err := s.tenant(ctx, "dead", nil, endpoint{at: s.loud, path: "/dead", behaviour: "class=loud&fail=all"})
	if err != nil {
		return err
	}
	b.Tell("quiet alone")
	alone, err := s.alone(ctx, s.quietLoad(millionRate, b.span(millionSpan), to))
	if err != nil {
		return err
	}
	load := s.load(b.events(1_000_000, millionBatch), dead)
	load.Batch, load.Size = millionBatch, millionSize
	b.Tell("making %d wait", load.Events)
	loud, err := shout(ctx, load)
	if err != nil {
		return err
	}
	b.Tell("they were accepted in %.0f s; waiting until they are where they wait", loud.Sending.Seconds())
	waiting, err := s.settled(ctx, openLimit)
	if err != nil {
		return err
	}
	opened, err := s.awaitOpen(ctx)
	if err != nil {
		b.report.Fault(err)
	}
	if err := s.writeOut(ctx); err != nil {
		return err
	}
	b.Tell("quiet beside %d", waiting)
	beside, err := s.send(ctx, s.quietLoad(millionRate, b.span(millionSpan), to))
	if err != nil {
		return err
	}
	arrived, err := s.loud.counts(ctx, loudClass)
	b.report.Note("accepted, and in the streams then", "%d, %d", loud.Accepted, waiting)
	b.report.Note("breaker open after", "%.0f s, %d attempts at that endpoint in all", opened.Seconds(), arrived.Requests)
	b.report.quiet(alone, beside, 1.2)
	return err
}
