package main

import (
	"context"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/shared/stack"
)

func deadNeighbour(ctx context.Context, b *bench) error {
	for _, dead := range []struct{ name, behaviour string }{
		{"2 s to an answer", "delay=2s"},
		{"never an answer", "hang=1"},
	} {
		b.report.Within = dead.name
		err := b.with(ctx, stack.Options{}, func(s *system) error { return besideDead(ctx, b, s, dead.behaviour) })
		if err != nil {
			return err
		}
	}
	return nil
}

func besideDead(ctx context.Context, b *bench, s *system, behaviour string) error {
	to, err := s.quietTenants(ctx, 1)
	if err != nil {
		return err
	}
	dead, err := s.tenant(ctx, "dead", nil, endpoint{at: s.loud, path: "/dead", behaviour: "class=loud&" + behaviour})
	if err != nil {
		return err
	}
	b.Tell("quiet alone")
	alone, err := s.alone(ctx, s.quietLoad(quietRate, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	b.Tell("beside the dead endpoint")
	load := s.load(b.events(20_000, noiseBatch), dead)
	load.Rate = noiseRate
	beside, loud, err := s.beside(ctx, load, s.quietLoad(quietRate, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	b.report.Note("events to the dead endpoint", "%d, accepted in %.1f s", loud.Accepted, loud.Sending.Seconds())
	b.report.quiet(alone, beside, 2, findings.Below(quietTop))
	arrived, err := s.loud.counts(ctx, loudClass)
	b.report.Note("most requests at once at the dead endpoint", "%d", arrived.MostAtOnePath)
	return err
}
