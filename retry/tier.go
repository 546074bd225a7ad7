package retry

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	// peek is how many messages are asked for while the head of the tier is not
	// due: each of them becomes a NAK that waits.
	peek = 4

	// batch is how many are asked for while the tier is being drained. At the
	// end of a drain at most so many are NAKed.
	batch = 64

	// horizon is how long before its time a message is taken into memory, to be
	// released to the millisecond. The server's own timers are less precise.
	horizon = 250 * time.Millisecond

	retryMalformed = 30 * time.Second
)

// tier watches the head of one tier.
type tier struct {
	event.Tier

	bus      *bus.Bus
	log      zerolog.Logger
	releaser *releaser
	metrics  *metrics
}

func (t *tier) run(ctx context.Context) error {
	puller, err := t.bus.Pull(bus.TierConsumer(t.Tier), batch)
	if err != nil {
		return err
	}
	defer puller.Close()
	want := peek
	for {
		messages, err := puller.Next(ctx, want)
		if err != nil {
			return nil //nolint:nilerr // ctx has ended
		}
		wake := t.sort(ctx, messages)
		if wake.IsZero() {
			want = batch
			puller.Rest(time.Time{})
		} else {
			want = peek
			puller.Rest(wake)
		}
	}
}

// sort hands what is about to leave the tier to the releaser and gives back what
// is not. It returns when to look again: the zero time for at once.
func (t *tier) sort(ctx context.Context, messages []*bus.Msg) (wake time.Time) {
	for _, m := range messages {
		d, err := event.DecodeDelivery(m.Data)
		if err != nil {
			t.log.Error().Err(err).Str("tier", t.Name).Msg("delivery cannot be read")
			m.Nak(retryMalformed)
			continue
		}
		leaves := t.leaves(m, d)
		early := time.Until(leaves) - horizon
		if early <= 0 {
			if err := t.releaser.add(ctx, &waiting{msg: m, delivery: d, until: leaves}); err != nil {
				m.Nak(0)
			}
			continue
		}
		m.Nak(early)
		t.metrics.naks.Inc()
		if at := time.Now().Add(early); wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	return wake
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
