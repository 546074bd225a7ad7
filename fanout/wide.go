package fanout

import (
	"context"
	"strconv"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// wideWorkers of one process for each shard. They take turns, a group each, so that many
	// endpoints of one tenant do not keep those of another waiting.
	wideWorkers = 4

	// wideGroup is what they publish together: a burst that keeps NATS and deliver, and
	// so the machine, from others for no more than a few milliseconds.
	wideGroup = 64

	// After a group they rest for so many times as long as it took, up to longestRest.
	// Beside 10,000 deliveries a second in groups of 256, a rest of once as long left
	// others with a p99 of 111 ms until acceptance, three times with 20, nine times
	// with 13 (measured); what one event is to 10,000 endpoints has two seconds.
	restShare   = 9
	longestRest = 100 * time.Millisecond
)

// widely is the message that hands a wide event on to the wide workers. It is
// named by its event alone: the batch that it is taken out of may be taken apart
// differently when it comes again.
func (w *worker) widely(ev *event.Event) (hop, error) {
	span := w.trace.Send(ev.Trace, event.SubjectWide, trace.OfEvent(ev))
	ev.Trace = span.Or(ev.Trace)
	data, err := ev.Append(nil)
	id := event.Message.Format(ev.ID) + "@wide"
	if ev.Round > 0 {
		id += "~" + strconv.FormatInt(ev.Round, 10)
	}
	return hop{kind: wide, span: span, message: bus.Message{Subject: event.SubjectWide, Tenant: ev.Tenant, ID: id, Data: data}}, err
}

// runWide expands wide events, one at a time. When ctx ends in the middle of one
// it is given back and expanded again, from its beginning: that may be many
// seconds of work, and a process that is stopped has not that much time.
func (w *worker) runWide(ctx context.Context, s event.Shard) error {
	puller, err := w.bus.Pull(bus.Wide.In(s), 1)
	if err != nil {
		return err
	}
	defer puller.Close()
	for {
		messages, err := puller.Next(ctx, 1)
		if err != nil {
			return nil // ctx has ended
		}
		for _, m := range messages {
			if w.handle(ctx, m, func() error { return w.expandWide(ctx, m) }) == nil {
				m.Ack()
			}
		}
	}
}

func (w *worker) expandWide(ctx context.Context, m *bus.Msg) (err error) {
	b, err := w.read(ctx, m)
	if err != nil {
		return err
	}
	out := outgoing{bus: w.bus, metrics: w.metrics, failed: w.failed, pace: w.pace, most: wideGroup, of: m}
	defer func() { out.end(err) }()
	for i, tenant := range b.tenants {
		if tenant == nil {
			continue
		}
		w.metrics.events.Inc()
		w.begin(&b.events[i], m, &out)
		targets := wanting(make([]*directory.Endpoint, 0, len(tenant.Endpoints)), tenant, &b.events[i])
		w.tell(&b.events[i], len(targets))
		if err := w.deliver(ctx, &b.events[i], targets, b.again, &out); err != nil {
			return err
		}
	}
	if err := out.flush(ctx); err != nil {
		return err
	}
	return out.left.insist(ctx, w.bus)
}

// pace lets one group of wide events out at a time, and then rests. So they take at
// most a tenth of what there is of NATS and of this machine, and less when others
// make it slow.
type pace struct{ turn chan struct{} }

func newPace() *pace { return &pace{make(chan struct{}, 1)} }

// do waits for its turn, first come first served, and publishes.
func (p *pace) do(ctx context.Context, publish func() error) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.turn }()
	began := time.Now()
	if err := publish(); err != nil {
		return err
	}
	select {
	case <-time.After(min(restShare*time.Since(began), longestRest)):
		return nil
	case <-ctx.Done():
		return nil // the group is out
	}
}
