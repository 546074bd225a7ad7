package dlq

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/group"
	"github.com/postrider/postrider/shared/store"
)

const (
	recordBatch = 256

	// How long a dead letter waits that could not be recorded.
	retryDelay     = 2 * time.Second
	retryMalformed = 30 * time.Second
)

// recorder takes dead letters from DLQ into the database, in groups.
type recorder struct {
	store   *store.Store
	log     zerolog.Logger
	metrics *metrics
}

// letter is a dead letter and the message that brought it.
type letter struct {
	store.DeadLetter
	msg *bus.Msg
}

func (r *recorder) run(ctx, drain context.Context, b *bus.Bus) error {
	puller, err := b.Pull(bus.DLQ, recordBatch)
	if err != nil {
		return err
	}
	defer puller.Close()
	for {
		messages, err := puller.Next(ctx, recordBatch)
		if err != nil {
			return nil // ctx has ended
		}
		r.record(drain, r.read(messages))
	}
}

func (r *recorder) read(messages []*bus.Msg) []letter {
	letters := make([]letter, 0, len(messages))
	for _, m := range messages {
		d, err := event.DecodeDelivery(m.Data)
		if err != nil {
			r.log.Error().Err(err).Msg("dead letter cannot be read")
			m.Nak(retryMalformed)
			continue
		}
		letters = append(letters, letter{store.DeadLetter{
			Tenant: d.Tenant, Endpoint: d.Endpoint, Event: d.Event, Type: d.Type, Reason: d.Reason, Attempts: d.Attempt,
			Run: d.Run, Deferrals: d.Deferrals,
		}, m})
	}
	return letters
}

func (r *recorder) record(ctx context.Context, letters []letter) {
	if len(letters) == 0 {
		return
	}
	insert := func(part []letter) error {
		rows := make([]store.DeadLetter, len(part))
		for i := range part {
			rows[i] = part[i].DeadLetter
		}
		return r.store.RecordDeadLetters(ctx, rows)
	}
	group.Isolate(letters, store.Bad, insert, func(l letter, err error) {
		if err != nil {
			r.log.Warn().Err(err).Str("event", event.Message.Format(l.Event)).Msg("dead letter is recorded later")
			l.msg.Nak(retryDelay)
			return
		}
		r.metrics.dead.Inc()
		l.msg.Ack()
	})
}
