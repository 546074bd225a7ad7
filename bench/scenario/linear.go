package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

const (
	linearRate   = 1_000 // events a second: at few, most of the cost is waking up
	linearSpan   = 20 * time.Second
	linearRounds = 3 // of which the median counts
	linearMore   = 1.15

	linearTenants = 2_500

	// So many endpoints has each of a number of tenants, and one of them wants the
	// events.
	linearEndpoints     = 25
	linearWithEndpoints = 200

	linearBacklog = 50_000 // deliveries that wait for a dead endpoint
	linearBeside  = 50     // tenants beside it
)

// dimension is something that there may be more of. What an event costs must not grow
// with it: then all cost together grows with the events only.
type dimension struct {
	name string
	base int // at 1 ×

	// fill makes so much of it, and returns who gets events.
	fill func(ctx context.Context, b *bench, s *system, n int) ([]sender.Target, error)
}

func dimensions() []dimension {
	return []dimension{
		{"tenants", linearTenants, func(ctx context.Context, _ *bench, s *system, n int) ([]sender.Target, error) {
			return s.quietTenants(ctx, n)
		}},
		{"endpoints of a tenant", linearEndpoints, fillEndpoints},
		{"deliveries that wait", linearBacklog, fillBacklog},
	}
}

// linear measures each size in a system of its own, as what a smaller one has learned
// is not forgotten.
func linear(ctx context.Context, b *bench) error {
	for _, d := range dimensions() {
		var costs []float64
		for _, times := range []int{1, 2, 4} {
			n := b.count(d.base) * times
			b.Tell("%d %s", n, d.name)
			var cost float64
			err := b.with(ctx, stack.Options{}, func(s *system) (err error) {
				cost, err = d.cost(ctx, b, s, n)
				return err
			})
			if err != nil {
				return fmt.Errorf("%d %s: %w", n, d.name, err)
			}
			costs = append(costs, cost)
			what := fmt.Sprintf("CPU of each event, µs: %d %s", n, d.name)
			if times == 1 {
				b.report.Figure(what, cost)
				continue
			}
			b.report.Check(what, cost, findings.AtMost(linearMore*costs[0]))
		}
	}
	return nil
}

// cost is the CPU of an event over all processes, in microseconds: the median of some
// rounds, after one that fills caches.
func (d dimension) cost(ctx context.Context, b *bench, s *system, n int) (float64, error) {
	to, err := d.fill(ctx, b, s, n)
	if err != nil {
		return 0, err
	}
	warm := s.quietLoad(b.rate(linearRate), noiseLimit, to)
	warm.Events = int64(len(to)) // everybody once
	if _, err := s.send(ctx, warm); err != nil {
		return 0, err
	}
	if err := s.writeOut(ctx); err != nil {
		return 0, err
	}
	var all []float64
	for range linearRounds {
		m, err := meter.Start(ctx, meter.Of(s.Stack))
		if err != nil {
			return 0, err
		}
		sent, err := s.send(ctx, s.quietLoad(b.rate(linearRate), b.sending(linearSpan), to))
		cost, failed := m.End(ctx)
		if err := errors.Join(err, failed); err != nil {
			return 0, err
		}
		if problems := sent.Problems(); len(problems) > 0 {
			b.report.Fault(fmt.Errorf("%d %s: %v", n, d.name, problems))
		}
		all = append(all, float64(cost.Total().Microseconds())/float64(max(sent.Delivered, 1)))
	}
	slices.Sort(all)
	b.Tell("%.1f µs an event, %.1f to %.1f", all[len(all)/2], all[0], all[len(all)-1])
	return all[len(all)/2], nil
}

// unwanted is a type of events that nobody sends.
const unwanted = "bench.unwanted"

// fillEndpoints makes tenants with so many endpoints each, all but one of which want
// something else.
func fillEndpoints(ctx context.Context, b *bench, s *system, n int) ([]sender.Target, error) {
	to, err := s.quietTenants(ctx, b.count(linearWithEndpoints))
	if err != nil {
		return nil, err
	}
	in := fields{"name": unwanted, "description": "what nobody sends"}
	if err := s.api.Call(ctx, http.MethodPost, "/api/v1/event-type", in, nil); err != nil {
		return nil, fmt.Errorf("create event type: %w", err)
	}
	return to, atOnce(ctx, len(to)*(n-1), func(ctx context.Context, i int) error {
		return s.subscribe(ctx, to[i%len(to)].App, endpoint{
			at: s.quiet, path: fmt.Sprintf("/unwanted/%d", i), behaviour: "class=unwanted", settings: fields{"filterTypes": []string{unwanted}},
		})
	})
}

// fillBacklog has so many deliveries wait for a dead endpoint, whose breaker is open.
func fillBacklog(ctx context.Context, b *bench, s *system, n int) ([]sender.Target, error) {
	to, err := s.quietTenants(ctx, b.count(linearBeside))
	if err != nil {
		return nil, err
	}
	dead, err := s.tenant(ctx, "dead", nil, endpoint{at: s.loud, path: "/dead", behaviour: "class=loud&fail=all"})
	if err != nil {
		return nil, err
	}
	load := s.load(int64(max(1, n/noiseBatch)*noiseBatch), dead)
	load.Size = millionSize
	if _, err := shout(ctx, load); err != nil {
		return nil, err
	}
	if _, err := s.settled(ctx, openLimit); err != nil {
		return nil, err
	}
	_, err = s.awaitOpen(ctx)
	return to, err
}
