package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

const (
	// batches that a worker takes at a time.
	batches = 8

	// published together. A wide event goes out in several groups, so that
	// others get between them.
	groupSize = 256

	// How long a batch waits after a failure before it is tried again.
	retryDelay = time.Second
)

// worker expands batches, a few at a time.
type worker struct {
	bus       *bus.Bus
	directory *directory.Directory
	log       zerolog.Logger
	metrics   *metrics
}

func (w *worker) run(ctx, drain context.Context) error {
	puller, err := w.bus.Pull(bus.Fanout, batches)
	if err != nil {
		return err
	}
	defer puller.Close()
	for {
		messages, err := puller.Next(ctx, batches)
		if err != nil {
			return nil //nolint:nilerr // ctx has ended
		}
		w.expandAll(drain, messages)
	}
}

// expandAll expands the batches and publishes their deliveries in groups. A
// batch is acknowledged when all of its deliveries are on DELIVER; what fails is
// done again whole, and the message ids make the repeated part harmless.
func (w *worker) expandAll(ctx context.Context, messages []*bus.Msg) {
	var done []*bus.Msg
	var group []bus.Message
	for _, m := range messages {
		deliveries, err := w.expand(ctx, m.Data)
		if err != nil {
			w.giveBack(err, m)
			continue
		}
		done, group = append(done, m), append(group, deliveries...)
	}
	for len(group) > 0 {
		n := min(len(group), groupSize)
		if err := w.bus.Publish(ctx, group[:n]...); err != nil {
			w.giveBack(err, done...)
			return
		}
		w.metrics.deliveries.Add(float64(n))
		group = group[n:]
	}
	for _, m := range done {
		m.Ack()
	}
}

func (w *worker) giveBack(err error, messages ...*bus.Msg) {
	w.metrics.failures.Add(float64(len(messages)))
	w.log.Warn().Err(err).Int("batches", len(messages)).Msg("batches are expanded again")
	for _, m := range messages {
		m.Nak(retryDelay)
	}
}

// expand makes the messages of all deliveries of a batch.
func (w *worker) expand(ctx context.Context, data []byte) ([]bus.Message, error) {
	events, err := event.DecodeEvents(data)
	if err != nil {
		return nil, err
	}
	w.metrics.events.Add(float64(len(events)))
	var group []bus.Message
	for i := range events {
		tenant, err := w.directory.Tenant(ctx, events[i].Tenant, events[i].Version)
		if errors.Is(err, directory.ErrUnknown) {
			continue // deleted since, and its endpoints with it
		}
		if err != nil {
			return nil, err
		}
		for _, e := range tenant.Endpoints {
			if !subscribes(e, &events[i]) {
				continue
			}
			m, err := route(&events[i], e, tenant.Version)
			if err != nil {
				return nil, err
			}
			group = append(group, m)
		}
	}
	return group, nil
}
