package retry

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	// peek is how many messages are asked for while nothing is known of the
	// tier's head: each that is not due becomes a NAK that waits.
	peek = 4

	// batch is how many are asked for at most while the tier is being drained,
	// and so how many may be given back when its end is reached.
	batch = 64

	// horizon is how long before its time a message is taken into memory, to be
	// released to the millisecond; the server's own timers are less precise. One
	// that was given back returns half of that before its time. So nothing is
	// given back for less than the other half, and a busy tier is looked at four
	// times a second instead of for every message that is about to be due.
	horizon = 500 * time.Millisecond

	// slack is how much later than promised a message is expected back: the
	// server is that imprecise, and those that return together come together.
	slack = 50 * time.Millisecond

	// A tier is glanced at this many times in its delay, whatever is expected:
	// the process that gave back its head may have died, and then nobody else
	// knows when that returns. A fiftieth is within the jitter of any schedule.
	glances   = 50
	minGlance = time.Second
)

// tier watches the head of one tier in one shard.
type tier struct {
	event.Tier

	shard    event.Shard
	bus      *bus.Bus
	log      zerolog.Logger
	releaser *releaser
	metrics  *metrics

	given []time.Time // when those that were given back return: few
	drain int         // how many were asked for last, all of them about to leave; 0: they were not
}

func (t *tier) run(ctx context.Context) error {
	puller, err := t.bus.Pull(bus.TierConsumer(t.Tier).In(t.shard), batch)
	if err != nil {
		return err
	}
	defer puller.Close()
	want := peek
	for {
		if !puller.Open() {
			var at time.Time
			want, at = t.plan(time.Now())
			puller.Rest(at)
		}
		messages, err := puller.Next(ctx, want)
		if err != nil {
			return nil // ctx has ended
		}
		t.sort(ctx, messages)
	}
}

// plan tells how many messages to ask for next, and when.
//
// While what comes is about to leave, so may be what follows: more and more is
// asked for at once. When that ends, the tier's head has been given back, and
// nothing is asked for before it returns: everything behind it has longer to
// wait, and would only have to be given back too.
func (t *tier) plan(now time.Time) (want int, at time.Time) {
	if t.drain > 0 {
		return min(t.drain, batch), now
	}
	if len(t.given) == 0 {
		return peek, now
	}
	at = slices.MinFunc(t.given, time.Time.Compare).Add(slack)
	if glance := now.Add(max(t.Delay/glances, minGlance)); glance.Before(at) {
		return 1, glance
	}
	before := len(t.given)
	t.given = slices.DeleteFunc(t.given, func(back time.Time) bool { return back.Before(at) })
	return min(before-len(t.given), batch), at
}

// sort hands what is about to leave the tier to the releaser and gives back what
// is not.
func (t *tier) sort(ctx context.Context, messages []*bus.Msg) {
	t.drain = min(max(2*t.drain, 1), batch)
	for _, m := range messages {
		d, err := event.DecodeDelivery(m.Data)
		if err != nil {
			t.log.Error().Err(err).Str("tier", t.Name).Uint64("sequence", m.Sequence).Msg("delivery cannot be read")
			t.bus.Reject(m, err)
			continue
		}
		leaves := t.leaves(m, d)
		if time.Until(leaves) <= horizon {
			if err := t.releaser.add(ctx, &waiting{msg: m, delivery: d, until: leaves}); err != nil {
				m.Nak(0)
			}
			continue
		}
		back := leaves.Add(-horizon / 2)
		m.Nak(time.Until(back))
		t.metrics.naks.Inc()
		t.given = append(t.given, back)
		t.drain = 0
	}
}

// leaves is when the message has waited its tier's delay, or earlier when it is
// due: it was stored late, or was put into the shortest tier for less.
func (t *tier) leaves(m *bus.Msg, d *event.Delivery) time.Time {
	leaves := m.Stored.Add(t.Delay)
	if d.Due.Before(leaves) {
		return d.Due
	}
	return leaves
}
