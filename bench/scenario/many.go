package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/procs"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/shared/stack"
)

const (
	// manyBatch is how many events each of the many has, which come together. For
	// the sake of comparison those of the one come in such batches, too.
	manyBatch = 10

	manySenders = 8

	// ownLanes is how many consumers for single tenants and endpoints a stream may
	// have; sharedLanes is how many the others are.
	ownLanes    = 48
	sharedLanes = 24

	memoryTop = 300 // MiB of deliver
)

func many(ctx context.Context, b *bench) error {
	return b.with(ctx, stack.Options{}, func(s *system) error { return manyTenants(ctx, b, s) })
}

func manyTenants(ctx context.Context, b *bench, s *system) error {
	watch := watchConsumers(ctx, s.MonitorURL)
	defer watch.close()
	n := b.count(10_000)
	b.Tell("making %d tenants", n)
	crowd, err := s.tenants(ctx, n, "many", s.loud, "class=loud")
	if err != nil {
		return err
	}
	single, err := s.tenants(ctx, 1, "one", s.loud, "class=loud")
	if err != nil {
		return err
	}
	deliver := func(name string, to []sender.Target) (sender.Result, error) {
		b.Tell("%s", name)
		load := s.load(int64(n*manyBatch), to...)
		load.Batch, load.Senders, load.Drain = manyBatch, manySenders, loudDrain
		m, err := meter.Start(ctx, meter.Of(s.Stack))
		if err != nil {
			return sender.Result{}, err
		}
		result, err := shout(ctx, load)
		cost, err2 := m.End(ctx)
		b.report.Within = name
		cost.Report(b.report.Report, result.Delivered)
		b.report.Within = ""
		return result, errors.Join(err, err2)
	}
	// An event for each of the many, and as many for the one: all are known then.
	for _, to := range [][]sender.Target{single, crowd} {
		warm := s.load(int64(n), to...)
		warm.Batch, warm.Senders, warm.Drain = 1, manySenders, loudDrain
		if _, err := shout(ctx, warm); err != nil {
			return err
		}
	}
	one, err := deliver("one tenant", single)
	if err != nil {
		return err
	}
	all, err := deliver("many tenants", crowd)
	if err != nil {
		return err
	}
	usage, err := procs.OfEach(map[string]int{deliverStage: s.Processes()[deliverStage]})
	if err != nil {
		return err
	}
	lanes, err := watch.end()
	if err != nil {
		return err
	}
	b.report.Note(fmt.Sprintf("one tenant with %d, delivered/s", one.Accepted), "%.0f", one.DeliveredPerSecond())
	b.report.Check(fmt.Sprintf("%d tenants with %d, delivered/s", n, manyBatch), all.DeliveredPerSecond(), findings.AtLeast(0.7*one.DeliveredPerSecond()))
	b.report.complete("all", one, all)
	b.report.Check("deliver's memory at its peak, MiB", float64(usage[deliverStage].Peak)/(1<<20), findings.Below(memoryTop))
	b.report.Check("most consumers of DELIVER", float64(lanes.most("DELIVER")), findings.AtMost(sharedLanes))
	b.report.Check("most consumers of OVERFLOW", float64(lanes.most("OVERFLOW")), findings.AtMost(ownLanes))
	return nil
}
