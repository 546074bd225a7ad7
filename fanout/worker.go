package fanout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// batches that a worker takes at a time.
	batches = 8

	// An event that goes to more endpoints than fit into a group is wide, and so is
	// what a tenant has in a batch beyond so many deliveries.
	narrow = 2048

	// How long a batch waits after a failure before it is tried again.
	retryDelay = time.Second

	// holds bounds what a process holds because a stream does not take it: for each
	// there is a MiB of deliveries, and at most as many batches as a worker takes.
	holds = 32

	// traced is how many of the deliveries of a traced event are traced too: the spans
	// of one event to thousands of endpoints would push out those of all others.
	traced = 64
)

// worker expands batches, a few at a time.
type worker struct {
	bus       *bus.Bus
	directory *directory.Directory
	log       zerolog.Logger
	metrics   *metrics
	lanes     *lanes
	pace      *pace
	trace     *trace.Tracer

	holds   *semaphore.Weighted
	holding sync.WaitGroup
}

func newWorker(env service.Env) *worker {
	return &worker{
		bus: env.Bus, directory: env.Directory, log: env.Log,
		metrics: newMetrics(env.Reg), lanes: newLanes(), pace: newPace(), trace: env.Trace,
		holds: semaphore.NewWeighted(holds),
	}
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
// batch is acknowledged when all of its deliveries are on a stream. One that cannot
// be expanded comes again whole, and the message ids make the repeated part
// harmless; one with deliveries that a stream does not take is held, and others go
// on.
func (w *worker) expandAll(ctx context.Context, messages []*bus.Msg) {
	began := time.Now()
	defer func() { w.metrics.duration.Observe(time.Since(began).Seconds()) }()
	var done []*bus.Msg
	out := outgoing{bus: w.bus, metrics: w.metrics, failed: w.failed, most: groupSize}
	for _, m := range messages {
		out.of = m
		if err := w.handle(ctx, m, func() error { return w.expand(ctx, m, &out) }); err == nil {
			done = append(done, m)
		}
	}
	err := out.flush(ctx)
	out.end(err)
	if err != nil {
		w.giveBack(err, done...)
		return
	}
	for _, m := range done {
		if !out.left.whose[m] {
			m.Ack()
		}
	}
	w.hold(ctx, out.left)
}

// handle does work on a message. What it fails with has been seen to: the message
// comes again, or is set aside if nobody can handle it.
func (w *worker) handle(ctx context.Context, m *bus.Msg, work func() error) (err error) {
	if panicked := bus.Try(func() { err = work() }); panicked != nil {
		err = panicked
	}
	var panicked *bus.PanicError
	switch {
	case err == nil:
	case errors.As(err, &panicked):
		w.log.Error().Err(err).Bytes("stack", panicked.Stack).Uint64("sequence", m.Sequence).Msg("batch cannot be handled")
		w.bus.Reject(m, err)
	case errors.Is(err, event.ErrBadFrame):
		w.log.Error().Err(err).Uint64("sequence", m.Sequence).Msg("batch cannot be read")
		w.bus.Reject(m, err)
	case ctx.Err() != nil:
		m.Nak(0)
	default:
		w.giveBack(err, m)
	}
	return err
}

// hold keeps batches with deliveries that a stream does not take, and goes on
// trying. It waits when there are too many of them.
func (w *worker) hold(ctx context.Context, rest left) {
	if len(rest.messages) == 0 {
		return
	}
	batches := slices.Collect(maps.Keys(rest.whose))
	if w.holds.Acquire(ctx, 1) != nil {
		w.giveBack(context.Cause(ctx), batches...)
		return
	}
	w.metrics.held.Add(float64(len(batches)))
	w.holding.Go(func() {
		defer w.holds.Release(1)
		defer w.metrics.held.Sub(float64(len(batches)))
		if err := rest.insist(ctx, w.bus); err != nil {
			w.giveBack(err, batches...)
			return
		}
		for _, m := range batches {
			m.Ack()
		}
	})
}

func (w *worker) failed(err error) {
	w.log.Warn().Err(err).Msg("deliveries wait for their streams")
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
	if len(b.events) == 0 {
		return b, fmt.Errorf("%w: no event", event.ErrBadFrame)
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

// expand makes the deliveries of a message's events and puts them out; wide events go to
// those who expand nothing else.
func (w *worker) expand(ctx context.Context, m *bus.Msg, out *outgoing) error {
	b, err := w.read(ctx, m)
	if err != nil {
		return err
	}
	made := make(map[event.ID]int) // deliveries of each tenant
	var targets []*directory.Endpoint
	for i, tenant := range b.tenants {
		if tenant == nil {
			continue
		}
		ev := &b.events[i]
		w.begin(ev, m, out)
		targets = wanting(targets[:0], tenant, ev)
		if len(targets) > groupSize || made[tenant.ID]+len(targets) > narrow {
			h, err := w.widely(ev)
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
		w.tell(ev, len(targets))
		if err := w.deliver(ctx, ev, targets, b.again, out); err != nil {
			return err
		}
	}
	return nil
}

// tell tells of an event whoever follows every one.
func (w *worker) tell(ev *event.Event, deliveries int) {
	if service.Follows(&w.log) {
		w.log.Debug().EmbedObject(service.FieldsOfEvent(ev)).Int("deliveries", deliveries).Msg("event expanded")
	}
}

// begin begins the span of an event, if it is traced; it ends with what is put out.
func (w *worker) begin(ev *event.Event, m *bus.Msg, out *outgoing) {
	span := w.trace.Receive(ev.Trace, m.Subject, m.Stored, trace.OfEvent(ev))
	if span.Traced() {
		ev.Trace = span.Or("")
		out.events = append(out.events, span)
	}
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
	for i, e := range targets {
		if i == traced && ev.Trace != "" {
			rest := *ev
			rest.Trace = ""
			ev = &rest
		}
		h, err := w.route(ev, e, again)
		if err == nil {
			err = out.put(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
