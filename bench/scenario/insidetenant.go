package main

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

func insideTenant(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return besideOwn(ctx, b, s) })
}

func besideOwn(ctx context.Context, b *bench, s *system) error {
	quick := make([]endpoint, 9)
	for i := range quick {
		quick[i] = endpoint{at: s.quiet, path: fmt.Sprintf("/%d", i), behaviour: "class=" + quietClass}
	}
	tenant, err := s.tenant(ctx, "tenant", nil, quick...)
	if err != nil {
		return err
	}
	// The paths that are expected are those of the nine.
	to := []sender.Target{tenant}
	tenth := endpoint{at: s.loud, path: "/tenth", behaviour: "class=loud"}
	if err := s.subscribe(ctx, tenant.App, tenth); err != nil {
		return err
	}
	b.Tell("ten healthy endpoints")
	alone, err := s.alone(ctx, s.quietLoad(quietRate, b.span(quietSpan), to))
	if err != nil {
		return err
	}
	b.Tell("one of ten is dead")
	if err := s.loud.behave(ctx, tenth.path, "class=loud&hang=1"); err != nil {
		return err
	}
	beside, err := s.send(ctx, s.quietLoad(quietRate, b.span(2*quietSpan), to))
	if err != nil {
		return err
	}
	b.report.quiet(alone, beside, 2)
	arrived, err := s.loud.counts(ctx, loudClass)
	b.report.Note("most requests at once at the dead endpoint", "%d", arrived.MostAtOnePath)
	return err
}
