package dlq

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/group"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

const (
	recordBatch = 256

	recordTimeout = 10 * time.Second

	// How long a dead letter waits that could not be recorded.
	retryDelay = time.Second
)

// recorder takes dead letters from DLQ into the database, in groups.
type recorder struct {
	bus     *bus.Bus
	store   *store.Store
	log     zerolog.Logger
	metrics *metrics
	trace   *trace.Tracer
}

// letter is a dead letter and the message that brought it.
type letter struct {
	store.DeadLetter
	msg   *bus.Msg
	span  trace.Span
	about service.Fields
}

func (r *recorder) run(ctx, drain context.Context) error {
	puller, err := r.bus.Pull(bus.DLQ, recordBatch)
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
			r.log.Error().Err(err).Uint64("sequence", m.Sequence).Msg("dead letter cannot be read")
			r.bus.Reject(m, err)
			continue
		}
		letters = append(letters, letter{store.DeadLetter{
			Tenant: d.Tenant, Endpoint: d.Endpoint, Event: d.Event, Type: d.Type, Reason: d.Reason, Attempts: d.Attempt,
			Run: d.Run, Deferrals: d.Deferrals,
		}, m, r.trace.Receive(d.Trace, m.Subject, m.Stored, trace.OfDelivery(d)), service.FieldsOf(d)})
	}
	return letters
}

// record records the letters. While the database is away it holds them, and takes
// no more; what is left when ctx ends is given back.
func (r *recorder) record(ctx context.Context, letters []letter) {
	began := time.Now()
	defer func() { r.metrics.records.Observe(time.Since(began).Seconds()) }()
	said := ""
	for len(letters) > 0 {
		rest, err := r.recordOnce(ctx, letters)
		if err == nil {
			return
		}
		if err.Error() != said {
			said = err.Error()
			r.log.Warn().Err(err).Int("letters", len(rest)).Msg("dead letters are recorded later")
		}
		select {
		case <-time.After(retryDelay):
			letters = rest
		case <-ctx.Done():
			for _, l := range rest {
				l.span.End("given_back")
				l.msg.Nak(0)
			}
			return
		}
	}
}

// recordOnce returns what could not be recorded, and why.
func (r *recorder) recordOnce(ctx context.Context, letters []letter) (rest []letter, failed error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	insert := func(part []letter) error {
		rows := make([]store.DeadLetter, len(part))
		for i := range part {
			rows[i] = part[i].DeadLetter
		}
		return r.store.RecordDeadLetters(ctx, rows)
	}
	group.Isolate(letters, store.Bad, insert, func(l letter, err error) {
		switch {
		case err == nil:
			r.metrics.dead.Inc()
			l.span.End("")
			if service.Follows(&r.log) {
				r.log.Debug().EmbedObject(l.about).Str("reason", l.Reason).Msg("dead letter recorded")
			}
			l.msg.Ack()
		case store.BadValue(err):
			r.log.Error().Err(err).EmbedObject(l.about).Msg("dead letter cannot be recorded")
			l.span.End("rejected")
			r.bus.Reject(l.msg, err)
		default:
			rest, failed = append(rest, l), err
		}
	})
	return rest, failed
}
