package retry

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// lastWait is for how long a message may stay after its tier's delay: the rest of its
// own, when that is less than any tier's.
var lastWait = event.Tiers()[0].Delay //nolint:gochecknoglobals // constant

// wheel is what waits on RETRY, all shards together.
type wheel struct {
	all int         // due or not
	due bus.Holding // its oldest counts from when it was due
}

// lookAtWheel asks how long each tier is and since when its first message waits.
// Since a tier is a queue in order of due time, that tells what of it is due.
func lookAtWheel(ctx context.Context, b *bus.Bus, now time.Time) (wheel, error) {
	var w wheel
	tiers, err := b.Queues(ctx, event.StreamRetry, event.SubjectsRetry)
	if err != nil {
		return wheel{}, err
	}
	stored, err := b.Heads(ctx, tiers...)
	if err != nil {
		return wheel{}, err
	}
	for i, q := range tiers {
		w.all += q.Messages
		tier, ok := event.TierOf(q.Subject)
		if ok && !stored[i].IsZero() { // else nobody of ours put it there, or it has left meanwhile
			w.due = w.due.Add(due(q.Messages, tier.Delay, stored[i], now))
		}
	}
	return w, nil
}

// due is what of a tier is due when its first message was stored at that time. How
// many that are is estimated, as if all had come evenly since: counting them would
// mean reading them.
func due(messages int, delay time.Duration, stored, now time.Time) bus.Holding {
	late := now.Sub(stored) - delay
	if late <= lastWait+slack {
		return bus.Holding{}
	}
	share := float64(late) / float64(late+delay)
	return bus.Holding{Messages: max(int(share*float64(messages)), 1), Oldest: now.Add(-late)}
}
