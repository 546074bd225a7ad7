package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

const (
	orderEvents  = 10_000
	orderBatch   = 10
	orderWorkers = 3
	orderKill    = 5 * time.Second
	orderLimit   = 10 * time.Minute
)

// orderSchedule lets no event die: that one of ten attempts fails twenty times
// in a row does not happen.
func orderSchedule() []string { return slices.Repeat([]string{"100ms"}, 20) }

func order(ctx context.Context, b *bench) error {
	return b.with(ctx, withWorkers(orderWorkers), func(s *system) error { return ordered(ctx, b, s) })
}

func ordered(ctx context.Context, b *bench, s *system) error {
	to, err := s.tenant(ctx, "ordered", nil, endpoint{
		// The little delay lets a second request at once be seen.
		at: s.loud, path: "/ordered", behaviour: "class=loud&fail_rate=0.1&delay=1ms",
		settings: fields{"ordered": true, "retrySchedule": orderSchedule()},
	})
	if err != nil {
		return err
	}
	// One request after the other: so the numbers are the order of acceptance.
	load := s.load(b.events(orderEvents, orderBatch), to)
	load.Batch, load.Senders = orderBatch, 1

	workers := s.workers()
	killing, stop := context.WithCancel(ctx)
	defer stop()
	var killed int
	ended := make(chan error, 1)
	go func() {
		var err error
		killed, err = workers.killEvery(killing, orderKill, func(name string) { b.Tell("killed %s", name) })
		ended <- err
	}()
	began := time.Now()
	arrived, late := s.deliverAll(ctx, load)
	took := time.Since(began)
	stop()
	if err := <-ended; err != nil {
		return errors.Join(err, late)
	}
	if late != nil {
		b.report.Fault(late)
	}
	b.report.Note("workers killed", "%d in %.0f s", killed, took.Seconds())
	b.report.Note("attempts, of them failed", "%d, %d", arrived.Requests, arrived.Refused)
	b.report.Check("events with success", float64(arrived.Successes), findings.Exactly(float64(load.Events)))
	b.report.Check("successes after that of a later event", float64(arrived.OutOfOrder), findings.Exactly(0))
	b.report.Check("most requests at once", float64(arrived.MostAtOnePath), findings.Exactly(1))
	b.report.Note("calls repeated after a success that was not recorded", "%d", arrived.Duplicates)
	return nil
}

// deliverAll sends a load and waits until each event had a success.
func (s *system) deliverAll(ctx context.Context, load sender.Config) (receiver.Counts, error) {
	if _, err := shout(ctx, load); err != nil {
		return receiver.Counts{}, err
	}
	return s.loud.await(ctx, loudClass, orderLimit, func(c receiver.Counts) bool { return c.Successes >= load.Events })
}
