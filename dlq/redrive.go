package dlq

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// Tasks that are worked on at a time, so that a short one need not wait for
	// a long one.
	taskWorkers = 4

	// part is how many deliveries of a task go out in one transaction.
	part = 256

	// A task that nobody has worked on for this long was lost on its way.
	taskIdle   = 10 * time.Second
	sweepEvery = 5 * time.Second
	sweepLimit = 100
)

// redriver does tasks: it puts events on their way to endpoints once more. What
// it hands out is a delivery like any other, in a run of its own.
type redriver struct {
	bus     *bus.Bus
	store   *store.Store
	log     zerolog.Logger
	metrics *metrics
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
		r.log.Error().Err(err).Msg("task cannot be read")
		m.Term("not a task id")
		return
	}
	err = r.do(ctx, drain, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		m.Term("no such task")
	case err != nil:
		r.log.Warn().Err(err).Str("task", event.Task.Format(id)).Msg("task is continued later")
		m.Nak(retryDelay)
	case ctx.Err() != nil:
		m.Nak(0)
	default:
		m.Ack()
	}
}

// do does a task, part by part, until it is finished or ctx ends.
func (r *redriver) do(ctx, drain context.Context, id event.ID) error {
	for ctx.Err() == nil {
		finished, err := r.store.AdvanceTask(drain, id, part, func(ctx context.Context, selected []store.Selected) error {
			return r.handOut(ctx, id, selected)
		})
		if err != nil || finished {
			return err
		}
	}
	return nil
}

func (r *redriver) handOut(ctx context.Context, task event.ID, selected []store.Selected) error {
	if len(selected) == 0 {
		return nil
	}
	messages := make([]bus.Message, 0, len(selected))
	for i := range selected {
		e := &selected[i].Event
		d := event.Delivery{
			Event:    e.ID,
			Tenant:   e.Tenant,
			Endpoint: selected[i].Endpoint,
			Type:     e.Type,
			Priority: e.Priority,
			Version:  e.Version,
			Run:      task,
			Attempt:  1,
			Expires:  e.Expires,
			Recheck:  true, // this part may have been handed out by one who died
			Payload:  e.Payload,
			Referred: e.Referred,
		}
		data, err := d.Encode()
		if err != nil {
			return err
		}
		messages = append(messages, bus.Message{Subject: d.Subject(), ID: d.Key(), Data: data})
	}
	if err := r.bus.Publish(ctx, messages...); err != nil {
		return err
	}
	r.metrics.redriven.Add(float64(len(messages)))
	return nil
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
		if r.bus.Health() != nil {
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
