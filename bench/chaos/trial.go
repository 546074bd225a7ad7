package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/machine"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/stack/link"
)

// Names of those who take part.
const (
	natsServer   = stack.NATS
	postgres     = stack.Postgres
	ingestStage  = "ingest"
	deliverStage = "deliver"
	receivers    = "receivers" // all endpoints
)

const (
	connections = 16 // to the API, beside the traffic's own

	// healthyWithin is how soon after the last trouble all must be ready, or
	// somebody would have to lend a hand.
	healthyWithin = time.Minute
)

// Settings of the system. What fails for good is soon dead, and an attempt lasts
// longer than any link hangs.
const (
	schedule       = "POSTRIDER_RETRY_SCHEDULE=1s,2s,5s,10s,20s"
	attemptTimeout = "POSTRIDER_ATTEMPT_TIMEOUT=10s"

	// What is left in the end fails only at some endpoints: it must be dead before
	// their breakers open, or all would wait for one probe after the other.
	breakerAfter = "POSTRIDER_BREAKER_AFTER=25s"
)

// trial is one run: a system under load, what is done to it, and what comes of it.
type trial struct {
	*suite.Trial
	*stack.Stack
	settings

	fault fault
	rate  float64       // events a second
	span  time.Duration // of the traffic

	secret      string // of all endpoints
	api         rest.Client
	receivers   *receiver.Local
	toReceivers *link.Link
	fleet       fleet

	ledger     *ledger
	answers    answers
	givenUp    atomic.Int64 // events that were never answered with 202
	unsent     atomic.Int64 // events that nobody had time for
	diary      diary
	supervisor *supervisor
	health     *health
	memory     *memory
	clearings  []func() error // what close does, last one first
}

// run runs the trial and fills its report. An error is what kept it from that.
func (t *trial) run(ctx context.Context) (err error) {
	defer func() { err = t.close(err) }()
	if err := t.open(ctx); err != nil {
		return err
	}
	t.Report.About = machine.Describe(ctx, t.Processes()).String()
	if err := t.muster(ctx); err != nil {
		return err
	}
	if err := t.trouble(ctx); err != nil {
		return err
	}
	t.heal()
	t.Tell("traffic and trouble are over")
	if away, ok := t.health.await(ctx, healthyWithin); !ok {
		t.Report.Fault(fmt.Errorf("not ready within %s after the last trouble: %s; somebody would have to lend a hand", healthyWithin, away))
	}
	found, err := t.settle(ctx)
	if err == nil {
		t.judge(ctx, found)
	}
	return err
}

// trouble sends, and meanwhile does what the fault is about. It returns when both
// are over.
func (t *trial) trouble(ctx context.Context) error {
	t.Tell("%.0f events/s for %s", t.rate, t.span)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	mended := make(chan error, 1)
	go func() { sent <- t.send(ctx) }()
	go func() { mended <- t.breakAndMend(ctx) }()
	failed := t.fault.disturb(ctx, t)
	if failed != nil {
		cancel()
	}
	return errors.Join(failed, <-sent, <-mended)
}

// breakAndMend takes some endpoints down for a part of the run, long enough that
// their breakers open.
func (t *trial) breakAndMend(ctx context.Context) error {
	for _, step := range []struct {
		wait      time.Duration
		behaviour string
	}{{t.span * 3 / 10, inOneClass + "&fail=all"}, {t.span * 4 / 10, ""}} {
		if err := suite.Pause(ctx, step.wait); err != nil {
			return err
		}
		for _, path := range t.fleet.mended {
			if err := t.receivers.SetBehaviour(path, step.behaviour); err != nil {
				return fmt.Errorf("tell receivers how to behave: %w", err)
			}
		}
	}
	return nil
}

// heal ends all trouble that is left.
func (t *trial) heal() {
	for _, l := range t.links() {
		t.link(l).Restore()
	}
	for _, name := range t.Names() {
		_ = t.Signal(name, syscall.SIGCONT) // one that does not run is being started
	}
}

// links lists all links, that of deliver to the endpoints included.
func (t *trial) links() []target {
	var all []target
	for _, ends := range t.Links() {
		all = append(all, target{ends[0], ends[1]})
	}
	return append(all, target{deliverStage, receivers})
}

func (t *trial) link(to target) *link.Link {
	if to.to == receivers {
		return t.toReceivers
	}
	return t.Link(to.from, to.to)
}
