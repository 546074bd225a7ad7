package fanout

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// published together, at most.
	groupSize  = 256
	groupBytes = 4 << 20

	// What streams do not take is set down until so much has come together; then
	// it is waited for.
	leftSize  = 512
	leftBytes = 1 << 20
)

// outgoing publishes what is put into it in groups, so that of all that is expanded
// no more than a group is in memory at a time, and others get between its groups.
type outgoing struct {
	bus     *bus.Bus
	metrics *metrics
	failed  func(error) // is told when a stream takes nothing
	pace    *pace       // nil: at once

	most  int      // messages in a group
	of    *bus.Msg // that is being expanded
	group []bus.Message
	whose []*bus.Msg // each of the group is
	bytes int
	spans []sent                     // of those of the group that are traced
	kinds map[string]int             // of the group
	lanes map[event.OwnLane]struct{} // that the group goes to

	left left

	events []trace.Span // of the events that are being expanded
}

// sent is the span of a message on its way, by its place in the group.
type sent struct {
	place int
	span  trace.Span
}

// left is what streams have not taken, and whose it is.
type left struct {
	messages []bus.Message
	bytes    int
	whose    map[*bus.Msg]bool
}

func (o *outgoing) put(ctx context.Context, h hop) error {
	if len(o.group) == 0 {
		o.kinds, o.lanes = make(map[string]int), make(map[event.OwnLane]struct{})
	}
	o.group, o.whose = append(o.group, h.message), append(o.whose, o.of)
	o.bytes += len(h.message.Data)
	o.kinds[h.kind]++
	if h.span.Traced() {
		o.spans = append(o.spans, sent{len(o.group) - 1, h.span})
	}
	if !h.lane.IsZero() {
		o.lanes[h.lane] = struct{}{}
	}
	if len(o.group) < o.most && o.bytes < groupBytes {
		return nil
	}
	return o.flush(ctx)
}

// flush returns when everything that was put is on its stream, or among what is
// left.
func (o *outgoing) flush(ctx context.Context) error {
	if len(o.group) == 0 {
		return nil
	}
	err := o.publish(ctx)
	o.endSent(err)
	if unpublished, ok := errors.AsType[*bus.UnpublishedError](err); ok {
		o.setDown(unpublished.Left)
		o.failed(err)
	} else if err != nil {
		return err
	}
	o.bus.Signal(slices.Collect(maps.Keys(o.lanes))...)
	for kind, n := range o.kinds {
		o.metrics.count(kind, n)
	}
	o.group, o.whose, o.bytes = o.group[:0], o.whose[:0], 0
	if len(o.left.messages) > leftSize || o.left.bytes > leftBytes {
		return o.left.insist(ctx, o.bus)
	}
	return nil
}

// endSent ends the spans of the group. What is left of it goes on without.
func (o *outgoing) endSent(err error) {
	var left []int
	if unpublished, ok := errors.AsType[*bus.UnpublishedError](err); ok {
		left = unpublished.Left
	}
	for _, s := range o.spans {
		if err == nil || left != nil && !slices.Contains(left, s.place) {
			s.span.End("")
		} else {
			s.span.End("unpublished")
		}
	}
	o.spans = o.spans[:0]
}

// end ends the spans of the events that were expanded.
func (o *outgoing) end(err error) {
	for _, span := range o.events {
		span.End(trace.Failed(err, "given_back"))
	}
}

func (o *outgoing) setDown(places []int) {
	if o.left.whose == nil {
		o.left.whose = make(map[*bus.Msg]bool)
	}
	for _, i := range places {
		o.left.messages = append(o.left.messages, o.group[i])
		o.left.bytes += len(o.group[i].Data)
		o.left.whose[o.whose[i]] = true
	}
}

func (o *outgoing) publish(ctx context.Context) error {
	if o.pace == nil {
		return o.bus.Publish(ctx, o.group...)
	}
	return o.pace.do(ctx, func() error { return o.bus.Publish(ctx, o.group...) })
}

// insist returns when nothing is left, or ctx has ended.
func (l *left) insist(ctx context.Context, b *bus.Bus) error {
	if len(l.messages) == 0 {
		return nil
	}
	if err := b.Insist(ctx, nil, l.messages...); err != nil {
		return err
	}
	lanes := make(map[event.OwnLane]struct{})
	for _, m := range l.messages {
		if lane, err := event.ParseOwnLane(m.Subject); err == nil {
			lanes[lane] = struct{}{}
		}
	}
	b.Signal(slices.Collect(maps.Keys(lanes))...)
	*l = left{}
	return nil
}
