package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/stack/link"
)

// open starts the system, the receivers and all who watch.
func (t *trial) open(ctx context.Context) error {
	t.secret = signature.GenerateKey().Reveal()
	t.ledger = newLedger()
	o := t.fault.stack
	o.Bin, o.Links, o.NoFsync = t.Bin, true, t.lossOnly
	o.Env = slices.Concat([]string{schedule, attemptTimeout, breakerAfter, "POSTRIDER_LOG_LEVEL=info"}, o.Env)
	var err error
	if t.Stack, err = stack.Temporary(ctx, t.Dir, o); err != nil {
		return err
	}
	t.clearings = append(t.clearings, t.Stop)
	t.api = rest.New(t.URL, t.Token, connections)
	t.clearings = append(t.clearings, func() error { t.api.Close(); return nil })
	t.receivers, err = receiver.Start(ctx, receiver.Options{Secrets: []string{t.secret}, Observe: t.ledger.arrive})
	if err != nil {
		return err
	}
	t.clearings = append(t.clearings, t.receivers.Close)
	if t.toReceivers, err = link.Listen(t.receivers.URL[len("http://"):]); err != nil {
		return fmt.Errorf("link deliver with the receivers: %w", err)
	}
	t.clearings = append(t.clearings, t.toReceivers.Close)

	t.supervisor = supervise(ctx, t.Stack, t.Tell)
	t.health = watchHealth(ctx, t.Stack)
	t.memory = watchMemory(ctx, t.Stack)
	t.clearings = append(t.clearings, func() error {
		t.memory.end()
		t.health.end()
		t.supervisor.end()
		return nil
	})
	return nil
}

// close ends everything. When the run is broken, or has failed, what the system
// has written stays there.
func (t *trial) close(failed error) error {
	if t.Stack != nil && (t.Report.Broken() || failed != nil) {
		t.Tell("data and logs are in %s", t.Keep())
	}
	for _, end := range slices.Backward(t.clearings) {
		failed = errors.Join(failed, end())
	}
	return failed
}
