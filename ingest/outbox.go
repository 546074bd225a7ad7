package ingest

import (
	"context"
	"fmt"
	"sync"
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
	// publishing bounds the batches that are on their way to NATS at a time. One
	// that finds no place stays in the outbox, where the sweeper finds it.
	publishing = 64

	marksPerGroup   = 500
	markEvery       = 100 * time.Millisecond // nobody waits for it, and one takes as long as ten together
	sweptPerRound   = 64
	announceTimeout = 5 * time.Second

	// sweepTimeout is for a round: rows are locked in it.
	sweepTimeout = 20 * time.Second
)

// outbox publishes committed batches and marks them published. What it does not
// manage, because NATS is away or this process dies, the sweeper does again.
type outbox struct {
	ctx     context.Context //nolint:containedctx // of the work that outlives the request that began it
	bus     *bus.Bus
	store   *store.Store
	log     zerolog.Logger
	metrics *metrics
	trace   *trace.Tracer

	slots     chan struct{}
	inFlight  sync.WaitGroup
	published chan publication
	marked    sync.WaitGroup
}

// publication is a batch that was published, and when.
type publication struct {
	batch event.ID
	at    time.Time
}

// newOutbox returns an outbox whose publishing is bounded by ctx; it ends with
// close.
func newOutbox(ctx context.Context, env service.Env, m *metrics) *outbox {
	o := &outbox{
		ctx:       ctx,
		bus:       env.Bus,
		store:     env.Store,
		log:       env.Log,
		metrics:   m,
		trace:     env.Trace,
		slots:     make(chan struct{}, publishing),
		published: make(chan publication, publishing),
	}
	o.marked.Go(func() {
		group.Paced(o.published, marksPerGroup, markEvery, func(publication) bool { return false }, o.mark)
	})
	return o
}

// Publish implements api.Announcer: it puts a batch on its way and returns at once.
func (o *outbox) Publish(b store.Batch) {
	select {
	case o.slots <- struct{}{}:
	default:
		o.metrics.published.WithLabelValues("deferred").Inc()
		return
	}
	o.inFlight.Go(func() {
		defer func() { <-o.slots }()
		if err := o.send(o.ctx, b); err != nil {
			o.metrics.published.WithLabelValues("failed").Inc()
			o.log.Debug().Err(err).Msg("batch stays in the outbox")
			return
		}
		o.metrics.published.WithLabelValues("published").Inc()
		o.published <- publication{b.ID, time.Now()}
	})
}

// close waits until every batch has been published or given up, and marked. No
// publish may follow.
func (o *outbox) close() {
	o.inFlight.Wait()
	close(o.published)
	o.marked.Wait()
}

func (o *outbox) send(ctx context.Context, batches ...store.Batch) error {
	messages := make([]bus.Message, 0, len(batches))
	spans := o.begin(batches)
	for _, b := range batches {
		parts, err := encode(b, o.bus.Shards())
		if err != nil {
			return err
		}
		messages = append(messages, parts...)
	}
	err := o.bus.Publish(ctx, messages...)
	for _, span := range spans {
		span.End(trace.Failed(err, "unpublished"))
	}
	return err
}

// begin begins the spans of those events that are traced, and has them go on from
// there.
func (o *outbox) begin(batches []store.Batch) (spans []trace.Span) {
	for _, b := range batches {
		for i := range b.Events {
			e := &b.Events[i]
			if span := o.trace.Send(e.Trace, event.SubjectEvents, trace.OfEvent(e)); span.Traced() {
				e.Trace = span.Or("")
				spans = append(spans, span)
			}
		}
	}
	return spans
}

// encode makes one message of a batch for each shard that its tenants are in. They
// may have the same id, since each goes to a stream of its own.
func encode(b store.Batch, shards int) ([]bus.Message, error) {
	size := 0
	for i := range b.Events {
		size += 256 + len(b.Events[i].Trace) + len(b.Events[i].Payload)
	}
	var parts []bus.Message
	places := make(map[event.Shard]int)
	for i := range b.Events {
		e := &b.Events[i]
		s := event.ShardOf(e.Tenant, shards)
		n, ok := places[s]
		if !ok {
			n = len(parts)
			places[s] = n
			parts = append(parts, bus.Message{
				Subject: event.SubjectEvents, Tenant: e.Tenant, ID: event.Batch.Format(b.ID),
				Data: make([]byte, 0, min(size, 2*batchBytes)/shards),
			})
		}
		var err error
		if parts[n].Data, err = e.Append(parts[n].Data); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func (o *outbox) mark(group []publication) {
	published := make([]store.Published, len(group))
	for i, p := range group {
		published[i] = store.Published{Batch: p.batch, Ago: time.Since(p.at)}
	}
	if err := o.store.MarkPublished(o.ctx, published); err != nil {
		o.log.Warn().Err(err).Msg("published batches will be published again")
	}
}

// Announce implements api.Announcer: it tells dlq of a task. The task itself is
// in the database, where dlq finds it some time later if this is lost.
func (o *outbox) Announce(ctx context.Context, t store.Task) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	id := event.Task.Format(t.ID)
	if err := o.bus.Publish(ctx, bus.Message{Subject: event.TaskSubject(t.Kind), ID: id, Data: []byte(id)}); err != nil {
		o.log.Warn().Err(err).EmbedObject(service.Fields{Task: t.ID}).Msg("task is not announced; dlq will find it")
	}
}

// sweep publishes batches that have stayed in the outbox longer than delay, until
// ctx ends. All ingest processes sweep; none takes what another is at.
func (o *outbox) sweep(ctx context.Context, delay time.Duration) error {
	ticker := time.NewTicker(max(delay/5, 100*time.Millisecond))
	defer ticker.Stop()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := o.sweepRound(ctx, delay)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failing = ""
		case err.Error() != failing: // say it when it changes, not every second
			failing = err.Error()
			o.log.Warn().Err(err).Msg("events wait in the outbox")
		}
	}
}

func (o *outbox) sweepRound(ctx context.Context, delay time.Duration) error {
	if err := o.bus.Connected(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	for {
		n, err := o.sweepSome(ctx, delay)
		if err != nil {
			return err
		}
		o.metrics.published.WithLabelValues("swept").Add(float64(n))
		if n < sweptPerRound {
			return nil
		}
	}
}

func (o *outbox) sweepSome(ctx context.Context, delay time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	return o.store.Sweep(ctx, delay, sweptPerRound, func(ctx context.Context, b []store.Batch) error { return o.send(ctx, b...) })
}

// backlog is what waits to be published: batches, since each is one message.
func (o *outbox) backlog(ctx context.Context) (bus.Holding, error) {
	n, oldest, err := o.store.Unpublished(ctx)
	return bus.Holding{Messages: n, Oldest: oldest}, err
}
