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

	// published together, at most.
	groupSize  = 256
	groupBytes = 4 << 20

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
	out := outgoing{bus: w.bus, metrics: w.metrics}
	for i, m := range messages {
		events, tenants, err := w.read(ctx, m)
		if err != nil {
			w.giveBack(err, m)
			continue
		}
		done = append(done, m)
		if err := expand(ctx, events, tenants, &out); err != nil {
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

// read returns the events of a batch with the tenant of each; nil is one that was
// deleted since, and its endpoints with it.
func (w *worker) read(ctx context.Context, m *bus.Msg) ([]event.Event, []*directory.Tenant, error) {
	events, err := event.DecodeEvents(m.Data)
	if err != nil {
		return nil, nil, err
	}
	w.metrics.events.Add(float64(len(events)))
	tenants := make([]*directory.Tenant, len(events))
	for i := range events {
		// A repeated hand-over may come after the stream has forgotten the first.
		events[i].Recheck = events[i].Recheck || m.Deliveries > 1
		tenants[i], err = w.directory.Tenant(ctx, events[i].Tenant, events[i].Version)
		if err != nil && !errors.Is(err, directory.ErrUnknown) {
			return nil, nil, err
		}
	}
	return events, tenants, nil
}

// expand makes the deliveries of the events and puts them out.
func expand(ctx context.Context, events []event.Event, tenants []*directory.Tenant, out *outgoing) error {
	for i, tenant := range tenants {
		if tenant == nil {
			continue
		}
		for _, e := range tenant.Endpoints {
			if !subscribes(e, &events[i]) {
				continue
			}
			d, subject := route(&events[i], e, tenant.Version)
			if err := out.put(ctx, &d, subject); err != nil {
				return err
			}
		}
	}
	return nil
}

// outgoing publishes what is put into it in groups, so that of a wide event no
// more than a group is in memory at a time, and others get between its groups.
type outgoing struct {
	bus     *bus.Bus
	metrics *metrics
	group   []bus.Message
	bytes   int
	notSent int // of the group, dead letters
}

func (o *outgoing) put(ctx context.Context, d *event.Delivery, subject string) error {
	data, err := d.Encode()
	if err != nil {
		return err
	}
	o.group = append(o.group, bus.Message{Subject: subject, ID: d.Key(), Data: data})
	o.bytes += len(data)
	if d.Reason != "" {
		o.notSent++
	}
	if len(o.group) < groupSize && o.bytes < groupBytes {
		return nil
	}
	return o.flush(ctx)
}

func (o *outgoing) flush(ctx context.Context) error {
	if len(o.group) == 0 {
		return nil
	}
	if err := o.bus.Publish(ctx, o.group...); err != nil {
		return err
	}
	o.metrics.deliveries.Add(float64(len(o.group) - o.notSent))
	o.metrics.notSent.Add(float64(o.notSent))
	o.group, o.bytes, o.notSent = nil, 0, 0
	return nil
}
