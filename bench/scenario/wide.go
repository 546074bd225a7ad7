package main

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/shared/stack"
)

const (
	wideEndpoints = 10_000
	wideRate      = 1 // events a second
)

func wide(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return besideWide(ctx, b, s) })
}

func besideWide(ctx context.Context, b *bench, s *system) error {
	to, err := s.quietTenants(ctx, 1)
	if err != nil {
		return err
	}
	endpoints := make([]endpoint, b.count(wideEndpoints))
	for i := range endpoints {
		endpoints[i] = endpoint{at: s.loud, path: fmt.Sprintf("/wide/%d", i), behaviour: "class=loud"}
	}
	b.Tell("making %d endpoints", len(endpoints))
	tenant, err := s.tenant(ctx, "wide", nil, endpoints...)
	if err != nil {
		return err
	}
	b.Tell("quiet alone")
	alone, err := s.alone(ctx, s.quietLoad(quietRate, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	load := s.load(0, tenant)
	load.Batch, load.Rate, load.Duration = 1, wideRate, b.span(quietSpan)
	b.Tell("beside wide events")
	beside, loud, err := s.beside(ctx, load, s.quietLoad(quietRate, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	arrived, err := s.loud.counts(ctx, loudClass)
	b.report.quiet(alone, beside, 2)
	b.report.Note("wide events", "%d, which are %d deliveries, %d of them made when the last quiet one had arrived",
		loud.Accepted, loud.Expected, arrived.Distinct)
	return err
}
