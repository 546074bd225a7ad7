package deliver

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// headsLookedAt is in how many lanes of tenants, the longest, the oldest delivery is
// looked for.
const headsLookedAt = 48

// backlog tells what waits for deliver: what is in the shared lanes, and in the lanes
// of tenants that have just much to be delivered. What is in the lane of an endpoint
// waits for that, because it is slow, paused, broken, limited or ordered, and in the
// lane of a tenant with a limit for that: more workers would not help, and nothing is
// wrong. The metrics show it beside the rest.
func (w *worker) backlog(ctx context.Context) (bus.Holding, error) {
	waiting, err := w.bus.Holds(ctx, event.StreamDeliver)
	if err != nil {
		return bus.Holding{}, err
	}
	own, err := w.bus.Holds(ctx, event.StreamOverflow)
	if err != nil {
		return bus.Holding{}, err
	}
	tenants, err := w.bus.Queues(ctx, event.StreamOverflow, event.SubjectsOfTenants)
	if err != nil {
		return bus.Holding{}, err
	}
	ofTenants, free, err := w.unlimited(ctx, tenants)
	if err != nil {
		return bus.Holding{}, err
	}
	heads, err := w.bus.Heads(ctx, longest(free, headsLookedAt)...)
	if err != nil {
		return bus.Holding{}, err
	}
	for _, q := range free {
		waiting.Messages += q.Messages
	}
	for _, head := range heads {
		waiting = waiting.Add(bus.Holding{Oldest: head})
	}
	broken, err := w.store.OpenBreakers(ctx)
	if err != nil {
		return bus.Holding{}, err
	}
	w.metrics.broken.Set(float64(broken))
	w.metrics.ownLanes(ofTenants, max(own.Messages-ofTenants, 0))
	return waiting, nil
}

// unlimited counts what is in the lanes of tenants, and returns those of tenants
// without a limit.
func (w *worker) unlimited(ctx context.Context, lanes []bus.Queue) (messages int, free []bus.Queue, err error) {
	for _, q := range lanes {
		messages += q.Messages
		l, err := event.ParseOwnLane(q.Subject)
		if err != nil {
			continue // nobody of ours put it there
		}
		t, err := w.directory.Tenant(ctx, l.Tenant, 0)
		switch {
		case errors.Is(err, directory.ErrUnknown): // deleted: to be met and thrown away
			free = append(free, q)
		case err != nil:
			return 0, nil, err
		case t.ThrottleRate == 0:
			free = append(free, q)
		}
	}
	return messages, free, nil
}

// longest are the n queues that hold most.
func longest(queues []bus.Queue, n int) []bus.Queue {
	sorted := slices.SortedFunc(slices.Values(queues), func(a, b bus.Queue) int { return cmp.Compare(b.Messages, a.Messages) })
	return sorted[:min(n, len(sorted))]
}
