package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

// serve brings the deliveries of a shared lane in one shard to the scheduler until
// ctx ends.
func (w *worker) serve(ctx context.Context, l event.Lane, shard event.Shard) error {
	puller, err := w.bus.Pull(bus.LaneConsumer(l).In(shard), pullBatch)
	if err != nil {
		return err
	}
	defer puller.Close()
	s := newSource(string(l), nil)
	for {
		messages, err := puller.Next(ctx, max(pullBatch/w.bus.Shards(), leastBatch))
		if err != nil {
			return nil // ctx has ended
		}
		for _, m := range messages {
			w.take(ctx, s, m)
		}
	}
}

// take takes a message in: to the lane that it belongs in, if that is another, or
// to the scheduler. It waits for room in memory, and with it the lane does that
// brought the message; when ctx ends before there is any, the message is given
// back.
func (w *worker) take(ctx context.Context, s *source, m *bus.Msg) {
	d, err := event.DecodeDelivery(m.Data)
	if err != nil {
		w.log.Error().Err(err).Str("lane", s.name).Uint64("sequence", m.Sequence).Msg("delivery cannot be read")
		w.bus.Reject(m, err)
		return
	}
	if w.buffer.take(ctx, s.isOwn(), len(m.Data)) != nil {
		m.Nak(0)
		return
	}
	j := w.newJob(s, m, d)
	if e, known := w.directory.Known(d.Tenant, d.Endpoint, d.Version); known {
		w.guard(j, func() { w.route(ctx, j, e) })
		return
	}
	w.attempts.Go(func() { w.guard(j, func() { w.lookUp(ctx, j) }) }) // who is known need not wait for who is not
}

// guard does something with a job, which ends with it if that panics.
func (w *worker) guard(j *job, work func()) {
	if err := bus.Try(work); err != nil {
		w.reject(j, err)
	}
}

// reject ends a job that nobody can handle.
func (w *worker) reject(j *job, err error) {
	var panicked *bus.PanicError
	errors.As(err, &panicked)
	w.log.Error().Err(err).Bytes("stack", panicked.Stack).EmbedObject(service.FieldsOf(j.delivery)).
		Msg("delivery cannot be handled")
	j.reject(err)
}

// lookUp finds out about a job's endpoint, and goes on with it.
func (w *worker) lookUp(ctx context.Context, j *job) {
	e, err := w.directory.Endpoint(ctx, j.Tenant, j.Endpoint, j.delivery.Version)
	switch {
	case errors.Is(err, directory.ErrUnknown):
		j.ack() // deleted, and its deliveries with it
	case err != nil && ctx.Err() != nil:
		j.giveBack(0, false)
	case err != nil:
		w.comesAgain(j, err)
	default:
		w.route(ctx, j, e)
	}
}

// route sends a job to the lane that it belongs in, or to the scheduler.
func (w *worker) route(ctx context.Context, j *job, e *directory.Endpoint) {
	if to := j.source.elsewhere(e, j.delivery); !to.IsZero() {
		w.move(ctx, j, to)
		return
	}
	j.know(e)
	w.put(ctx, j)
}

// put brings a job to the scheduler. A first attempt that the tenant's queue has
// no room for goes to the tenant's lane, so that it holds up nobody else's; a
// retry or a replay waits for room, and with it the lane, which is theirs.
func (w *worker) put(ctx context.Context, j *job) {
	for {
		v := w.scheduler.Put(&j.Job)
		switch {
		case v.Answer == fair.Queued:
			return
		case v.Answer != fair.TenantFull, j.asks:
			w.refuse(ctx, j, v)
			return
		case j.Class == event.First:
			w.move(ctx, j, event.OwnLane{Tenant: j.Tenant})
			return
		}
		select {
		case <-v.Room:
		case <-ctx.Done():
			j.giveBack(0, false)
			return
		}
	}
}

// refuse does what there is to do with a job that the scheduler does not want: its
// endpoint is busy, so it is to wait in the lane of that, or the worker stops. A
// challenge waits where it is: nothing may come out of that lane before it is answered.
func (w *worker) refuse(ctx context.Context, j *job, v fair.Verdict) {
	if j.asks && v.Answer != fair.Closed {
		j.giveBack(min(time.Until(busyUntil(v)), shortWait), false)
		return
	}
	if v.Answer == fair.EndpointBusy && j.Lane != fair.OfEndpoint {
		w.move(ctx, j, event.OwnLane{Tenant: j.Tenant, Endpoint: j.Endpoint})
		return
	}
	j.giveBack(0, false)
}

// comesAgain gives back a job that could not be looked into.
func (w *worker) comesAgain(j *job, err error) {
	w.metrics.returned.Inc()
	w.log.Warn().Err(err).EmbedObject(service.FieldsOf(j.delivery)).Msg("delivery comes again")
	j.giveBack(retryLookup, false)
}
