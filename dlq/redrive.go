package dlq

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// Tasks that are worked on at a time, so that a short one need not wait for
	// a long one.
	taskWorkers = 4

	// part is how much a task looks at in one transaction.
	part = 256

	// turn is how long a task is worked on before others have their turn.
	turn = 2 * time.Second

	// A lane of replays that has this much before it gets no more from tasks for
	// a while. It is what deliver works off in about a second.
	laneFull  = 2048
	lanePause = 500 * time.Millisecond
	turnPause = 10 * time.Millisecond

	// A task that nobody has worked on for this long was lost on its way.
	taskIdle   = 10 * time.Second
	sweepEvery = 5 * time.Second
	sweepLimit = 100

	// subjectTasks stands for the stream that tasks come by, whatever their kind.
	subjectTasks = "tasks."
)

// pause is why a task is left alone for that long: there is more to do, but no
// room for it, or others may wait.
type pause time.Duration

func (p pause) Error() string { return "task goes on in " + time.Duration(p).String() }

// redriver does tasks. What it hands out is a delivery like any other, on lanes
// that are only for that.
type redriver struct {
	bus     *bus.Bus
	store   *store.Store
	log     zerolog.Logger
	metrics *metrics
	trace   *trace.Tracer
}

func (r *redriver) run(ctx, drain context.Context) error {
	puller, err := r.bus.Pull(bus.Tasks, 1)
	if err != nil {
		return err
	}
	defer puller.Close()
	for {
		messages, err := puller.Next(ctx, 1)
		if err != nil {
			return nil // ctx has ended
		}
		for _, m := range messages {
			r.handle(ctx, drain, m)
		}
	}
}

func (r *redriver) handle(ctx, drain context.Context, m *bus.Msg) {
	id, err := event.Task.Parse(string(m.Data))
	if err != nil {
		r.log.Error().Err(err).Uint64("sequence", m.Sequence).Msg("task cannot be read")
		r.bus.Reject(m, err)
		return
	}
	if panicked := bus.Try(func() { err = r.do(ctx, drain, id) }); panicked != nil {
		err = panicked
	}
	var rest pause
	var panicked *bus.PanicError
	switch {
	case errors.As(err, &panicked):
		r.log.Error().Err(err).Bytes("stack", panicked.Stack).EmbedObject(service.Fields{Task: id}).Msg("task cannot be done")
		r.bus.Reject(m, err)
	case errors.Is(err, store.ErrNotFound):
		m.Term("no such task")
	case errors.As(err, &rest):
		m.Nak(time.Duration(rest))
	case err != nil:
		r.log.Warn().Err(err).EmbedObject(service.Fields{Task: id}).Msg("task is continued later")
		m.Nak(retryDelay)
	case ctx.Err() != nil:
		m.Nak(0)
	default:
		m.Ack()
	}
}

// do does a task, part by part, until it has ended, its turn is over or ctx ends.
func (r *redriver) do(ctx, drain context.Context, id event.ID) error {
	t, err := r.store.CountTask(ctx, id)
	if err != nil {
		return err
	}
	for until := time.Now().Add(turn); ctx.Err() == nil; {
		if err := r.makeWay(drain, t); err != nil {
			return err
		}
		ended, err := r.store.AdvanceTask(drain, id, part, func(ctx context.Context, selected []store.Selected) error {
			return r.handOut(ctx, id, selected)
		})
		if err != nil || ended {
			return err
		}
		if time.Now().After(until) {
			return pause(turnPause)
		}
	}
	return nil
}

// makeWay lets a task go on only while the lanes that it fills are short, so that
// a million replays wait in the database and not in front of another tenant's. A
// single delivery always finds a place.
func (r *redriver) makeWay(ctx context.Context, t *store.Task) error {
	if t.Status != store.TaskRunning || !t.Delivers() || !t.Event.IsZero() {
		return nil
	}
	lanes := event.Lanes(event.Replay)
	if !t.Tenant.IsZero() {
		lanes = []event.Lane{event.LaneOf(event.Replay, t.Tenant)}
	}
	for _, l := range lanes {
		before, err := r.bus.Backlog(ctx, bus.LaneConsumer(l))
		if err != nil {
			return err
		}
		if before.Waiting+before.Pending >= laneFull {
			return errors.Join(pause(lanePause), r.store.KeepTask(ctx, t.ID))
		}
	}
	return nil
}

func (r *redriver) handOut(ctx context.Context, task event.ID, selected []store.Selected) error {
	messages := make([]bus.Message, 0, len(selected))
	var spans []trace.Span
	for i := range selected {
		d := selected[i].Delivery(task)
		spans = r.begin(&d, spans)
		data, err := d.Encode()
		if err != nil {
			return err
		}
		messages = append(messages, bus.Message{Subject: d.Subject(), Tenant: d.Tenant, ID: d.Key(), Data: data})
	}
	err := r.bus.Publish(ctx, messages...)
	for _, span := range spans {
		span.End(trace.Failed(err, "unpublished"))
	}
	if err != nil {
		return err
	}
	r.metrics.redriven.Add(float64(len(messages)))
	return nil
}

// begin adds the spans of a replay, if its event was traced: a trace of its own, linked
// to that of the event.
func (r *redriver) begin(d *event.Delivery, spans []trace.Span) []trace.Span {
	taken := r.trace.Resume(d.Trace, subjectTasks, trace.OfDelivery(d))
	if !taken.Traced() {
		return spans
	}
	sent := r.trace.Send(taken.Or(""), d.Subject(), trace.OfDelivery(d))
	d.Trace = sent.Or("")
	return append(spans, sent, taken)
}

// sweep announces tasks again that have been idle, until ctx ends.
func (r *redriver) sweep(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if r.bus.Connected() != nil {
			continue
		}
		if err := r.announce(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn().Err(err).Msg("idle tasks are looked for again")
		}
	}
}

func (r *redriver) announce(ctx context.Context) error {
	tasks, err := r.store.StaleTasks(ctx, taskIdle, sweepLimit)
	if err != nil || len(tasks) == 0 {
		return err
	}
	messages := make([]bus.Message, len(tasks))
	for i, t := range tasks {
		id := event.Task.Format(t.ID)
		// An id of its own: the first announcement may be within the stream's
		// duplicate window, and lost all the same.
		messages[i] = bus.Message{
			Subject: event.TaskSubject(t.Kind),
			ID:      id + "@" + time.Now().UTC().Truncate(taskIdle).Format(time.RFC3339),
			Data:    []byte(id),
		}
	}
	return r.bus.Publish(ctx, messages...)
}
