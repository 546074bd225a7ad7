package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/suite"
)

const (
	// weightSlots is so few that the two tenants have to share them: with the 20 ms
	// that each attempt takes, they are 800 attempts a second.
	weightSlots = 16

	// weightEndpoints is how many each tenant has; every event is for all of them.
	weightEndpoints = 4

	// weightEvents are enough for one that gets all there is.
	weightEvents = 6_000
	weightSpan   = 15 * time.Second

	weightRatio = 3
	weightOff   = 0.1
)

func weights(ctx context.Context, b *bench) error {
	o := withWorkers(1, fmt.Sprintf("POSTRIDER_SLOTS=%d", weightSlots))
	return b.with(ctx, o, func(s *system) error { return weighed(ctx, b, s) })
}

func weighed(ctx context.Context, b *bench, s *system) error {
	names := []string{"heavy", "light"}
	var to []sender.Target
	for i, weight := range []int{weightRatio, 1} {
		endpoints := make([]endpoint, weightEndpoints)
		for e := range endpoints {
			endpoints[e] = endpoint{at: s.loud, path: fmt.Sprintf("/%s/%d", names[i], e), behaviour: "delay=20ms&class=" + names[i]}
		}
		tenant, err := s.tenant(ctx, names[i], fields{"weight": weight}, endpoints...)
		if err != nil {
			return err
		}
		to = append(to, tenant)
	}
	// Batches go to the two by turns, so both are as busy from the beginning.
	load := s.load(b.events(2*weightEvents, 2*noiseBatch), to...)
	b.Tell("%d events for each", load.Events/2)
	if _, err := shout(ctx, load); err != nil {
		return err
	}
	before, err := s.arrivals(ctx, names)
	if err != nil {
		return err
	}
	if err := suite.Pause(ctx, b.span(weightSpan)); err != nil {
		return err
	}
	after, err := s.arrivals(ctx, names)
	if err != nil {
		return err
	}
	var during []float64
	for i, name := range names {
		if after[i] >= load.Events/2*weightEndpoints {
			return fmt.Errorf("measure weights: %s was not busy until the end", name)
		}
		during = append(during, float64(after[i]-before[i]))
		b.report.Note(fmt.Sprintf("deliveries to the %s one", name), "%.0f", during[i])
	}
	b.report.Check("ratio", during[0]/during[1], findings.AtLeast(weightRatio*(1-weightOff)), findings.AtMost(weightRatio*(1+weightOff)))
	return nil
}

// arrivals is how many deliveries each class of the loud sink has.
func (s *system) arrivals(ctx context.Context, classes []string) ([]int64, error) {
	var n []int64
	for _, class := range classes {
		counts, err := s.loud.counts(ctx, class)
		if err != nil {
			return nil, err
		}
		n = append(n, counts.Distinct)
	}
	return n, nil
}
