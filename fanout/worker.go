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

	// An event that goes to more endpoints than fit into a group is wide, and so is
	// what a tenant has in a batch beyond so many deliveries.
	narrow = 2048

	// How long a batch waits after a failure before it is tried again.
	retryDelay = time.Second
)

// worker expands batches, a few at a time.
type worker struct {
	bus       *bus.Bus
	directory *directory.Directory
	log       zerolog.Logger
	metrics   *metrics
	lanes     *lanes
	pace      *pace
}

func (w *worker) run(ctx, drain context.Context, s event.Shard) error {
	puller, err := w.bus.Pull(bus.Fanout.In(s), batches)
	if err != nil {
		return err
	}
	defer puller.Close()
	for {
		messages, err := puller.Next(ctx, batches)
		if err != nil {
			return nil // ctx has ended
		}
		w.expandAll(drain, messages)
	}
}

// expandAll expands the batches and publishes their deliveries in groups. A
// batch is acknowledged when all of its deliveries are on a stream; what fails is
// done again whole, and the message ids make the repeated part harmless.
func (w *worker) expandAll(ctx context.Context, messages []*bus.Msg) {
	var done []*bus.Msg
	out := outgoing{bus: w.bus, metrics: w.metrics, most: groupSize}
	for i, m := range messages {
		b, err := w.read(ctx, m)
		if err != nil {
			w.giveBack(err, m)
			continue
		}
		done = append(done, m)
		if err := w.expand(ctx, b, &out); err != nil {
			w.giveBack(err, append(done, messages[i+1:]...)...)
			return
		}
	}
	if err := out.flush(ctx); err != nil {
		w.giveBack(err, done...)
		return
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

// batch is the events of one message, with the tenant of each; nil is one that was
// deleted since, and its endpoints with it.
type batch struct {
	events  []event.Event
	tenants []*directory.Tenant
	again   bool // it may have been handed out before, and be expanded in part
}

func (w *worker) read(ctx context.Context, m *bus.Msg) (batch, error) {
	b := batch{again: m.Again()}
	var err error
	if b.events, err = event.DecodeEvents(m.Data); err != nil {
		return b, err
	}
	b.tenants = make([]*directory.Tenant, len(b.events))
	for i := range b.events {
		ev := &b.events[i]
		// A repeated hand-over may come after the stream has forgotten the first.
		ev.Recheck = ev.Recheck || b.again
		b.tenants[i], err = w.directory.Tenant(ctx, ev.Tenant, ev.Version)
		if err != nil && !errors.Is(err, directory.ErrUnknown) {
			return b, err
		}
	}
	return b, nil
}

// expand makes the deliveries of the events and puts them out; wide events go to
// those who expand nothing else.
func (w *worker) expand(ctx context.Context, b batch, out *outgoing) error {
	made := make(map[event.ID]int) // deliveries of each tenant
	var targets []*directory.Endpoint
	for i, tenant := range b.tenants {
		if tenant == nil {
			continue
		}
		ev := &b.events[i]
		targets = wanting(targets[:0], tenant, ev)
		if len(targets) > groupSize || made[tenant.ID]+len(targets) > narrow {
			h, err := widely(ev)
			if err == nil {
				err = out.put(ctx, h)
			}
			if err != nil {
				return err
			}
			continue
		}
		made[tenant.ID] += len(targets)
		w.metrics.events.Inc()
		if err := w.deliver(ctx, ev, targets, b.again, out); err != nil {
			return err
		}
	}
	return nil
}

// wanting appends the endpoints of the tenant that the event is for.
func wanting(targets []*directory.Endpoint, tenant *directory.Tenant, ev *event.Event) []*directory.Endpoint {
	for _, e := range tenant.Endpoints {
		if e.Wants(ev) {
			targets = append(targets, e)
		}
	}
	return targets
}

// deliver puts out a delivery of the event to each of the endpoints.
func (w *worker) deliver(ctx context.Context, ev *event.Event, targets []*directory.Endpoint, again bool, out *outgoing) error {
	for _, e := range targets {
		h, err := w.lanes.route(ev, e, again)
		if err == nil {
			err = out.put(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
