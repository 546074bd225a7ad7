package fanout

import (
	"context"
	"maps"
	"slices"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	// published together, at most.
	groupSize  = 256
	groupBytes = 4 << 20
)

// outgoing publishes what is put into it in groups, so that of all that is expanded
// no more than a group is in memory at a time, and others get between its groups.
type outgoing struct {
	bus     *bus.Bus
	metrics *metrics
	pace    *pace // nil: at once

	most  int // messages in a group
	group []bus.Message
	bytes int
	kinds map[string]int             // of the group
	lanes map[event.OwnLane]struct{} // that the group goes to
}

func (o *outgoing) put(ctx context.Context, h hop) error {
	if len(o.group) == 0 {
		o.kinds, o.lanes = make(map[string]int), make(map[event.OwnLane]struct{})
	}
	o.group = append(o.group, h.message)
	o.bytes += len(h.message.Data)
	o.kinds[h.kind]++
	if !h.lane.IsZero() {
		o.lanes[h.lane] = struct{}{}
	}
	if len(o.group) < o.most && o.bytes < groupBytes {
		return nil
	}
	return o.flush(ctx)
}

// flush returns when everything that was put is on its stream.
func (o *outgoing) flush(ctx context.Context) error {
	if len(o.group) == 0 {
		return nil
	}
	if err := o.publish(ctx); err != nil {
		return err
	}
	o.bus.Signal(slices.Collect(maps.Keys(o.lanes))...)
	for kind, n := range o.kinds {
		o.metrics.count(kind, n)
	}
	o.group, o.bytes = o.group[:0], 0
	return nil
}

func (o *outgoing) publish(ctx context.Context) error {
	if o.pace == nil {
		return o.bus.Publish(ctx, o.group...)
	}
	return o.pace.do(ctx, func() error { return o.bus.Publish(ctx, o.group...) })
}
