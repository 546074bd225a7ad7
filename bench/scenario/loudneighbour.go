package main

import (
	"context"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

// loudDrain is how long a load at a quick endpoint may take to arrive.
const loudDrain = 5 * time.Minute

func loudNeighbour(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return besideLoud(ctx, b, s) })
}

func besideLoud(ctx context.Context, b *bench, s *system) error {
	to, err := s.quietTenants(ctx, 1)
	if err != nil {
		return err
	}
	loud, err := s.tenant(ctx, "loud", nil, endpoint{at: s.loud, path: "/loud", behaviour: "class=loud"})
	if err != nil {
		return err
	}
	b.Tell("quiet alone")
	alone, err := s.alone(ctx, s.quietLoad(quietRate, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	flood := s.load(b.events(50_000, noiseBatch), loud)
	flood.Drain = loudDrain
	warm := flood
	warm.Events = b.events(5_000, noiseBatch)
	b.Tell("loud alone")
	if _, err := shout(ctx, warm); err != nil {
		return err
	}
	apart, err := shout(ctx, flood)
	if err != nil {
		return err
	}
	b.Tell("both")
	// For as long as the loud tenant took alone, and so while it goes on.
	beside, together, err := s.beside(ctx, flood, s.quietLoad(quietRate, apart.Delivering, to))
	if err != nil {
		return err
	}
	b.report.quiet(alone, beside, 3, findings.Below(quietTop))
	b.report.Note("loud alone, delivered/s", "%.0f", apart.DeliveredPerSecond())
	b.report.Check("loud beside quiet, delivered/s", together.DeliveredPerSecond(), findings.AtLeast(0.8*apart.DeliveredPerSecond()))
	b.report.complete("loud", apart, together)
	return nil
}

// complete reports what of some loads did not arrive, or arrived twice.
func (r *report) complete(what string, loads ...sender.Result) {
	var missing, double int64
	for _, l := range loads {
		missing += l.Missing
		double += l.Duplicates
	}
	r.Check(what+": deliveries missing", float64(missing), findings.Exactly(0))
	r.Check(what+": duplicates", float64(double), findings.Exactly(0))
}
