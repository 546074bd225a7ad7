package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
)

const (
	// keyRounds is how often the loads without and with idempotency keys take
	// turns: whatever else the machine does meets both.
	keyRounds = 5

	// keyLimit is what a key may cost: with it, accepting an event takes at most
	// so many times the CPU that it takes without.
	keyLimit = 1.25
)

// keyCost is what idempotency keys cost the accepting of events, by the CPU of
// all processes for each event, in microseconds.
type keyCost struct{ without, with []float64 }

// measureKeys accepts events that nobody subscribes to, so that next to nothing
// but the accepting is measured, without and with idempotency keys by turns.
func measureKeys(ctx context.Context, span time.Duration, base sender.Config, parts meter.Parts, progress func(string)) (keyCost, error) {
	var c keyCost
	load := base
	load.Endpoints, load.Rate, load.Duration = 0, 0, span
	for round := range keyRounds {
		progress(fmt.Sprintf("without and with idempotency keys, %d of %d", round+1, keyRounds))
		for _, keyed := range []bool{false, true} {
			load.Idempotency = keyed
			p, err := measure(ctx, "keys", load, parts)
			if err != nil {
				return c, fmt.Errorf("measure idempotency keys: %w", err)
			}
			if problems := p.result.Problems(); len(problems) > 0 {
				return c, fmt.Errorf("measure idempotency keys: %s", strings.Join(problems, "; "))
			}
			each := float64(p.cost.Total().Microseconds()) / float64(p.result.Accepted)
			if keyed {
				c.with = append(c.with, each)
			} else {
				c.without = append(c.without, each)
			}
		}
	}
	return c, nil
}

// ratio is by how much a key makes an event dearer: of the medians.
func (c keyCost) ratio() float64 { return median(c.with) / median(c.without) }

func (c keyCost) String() string {
	return fmt.Sprintf("Accepting an event takes %.1f µs of CPU over all processes without an idempotency key and %.1f µs with one: "+
		"%+.0f %% (medians of %d turns each; at most %+.0f %% is allowed).\n",
		median(c.without), median(c.with), 100*(c.ratio()-1), len(c.with), 100*(keyLimit-1))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
