package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// The kinds of tasks.
const (
	// TaskResend delivers one event to one endpoint again, whatever became of it.
	TaskResend = "message.resend"
	// TaskRecover delivers the dead letters of an endpoint again, whose events
	// were accepted in a range of time.
	TaskRecover = "endpoint.recover"
	// TaskReplay delivers what an endpoint would get now and was never tried at
	// it: it was disabled, or did not want it, or did not exist.
	TaskReplay = "endpoint.replay"
	// TaskBulkReplay delivers again what was attempted at an endpoint.
	TaskBulkReplay = "endpoint.bulk-replay"
	// TaskRedrive delivers dead letters again: one, or those of an endpoint, of a
	// tenant, of all tenants.
	TaskRedrive = "dlq.redrive"
	// TaskPurge forgets dead letters.
	TaskPurge = "dlq.purge"
	// TaskExpunge removes the payloads of all events of a tenant.
	TaskExpunge = "application.purge_content"
)

// The states of a task.
const (
	TaskRunning  = "running"
	TaskFinished = "finished"
	TaskFailed   = "failed" // it was cancelled
)

// Uncounted is the total of a task for which nobody has counted yet.
const Uncounted = -1

// countAtOnce is how much is counted when a task is made; more is left to those
// who do it.
const countAtOnce = 1000

// Task is a job that dlq does: look at a range of dead letters or of events, and
// do something with those that it selects. Zero fields select everything.
type Task struct {
	ID       event.ID // its time bounds the range: what comes later is not of it
	Tenant   event.ID // zero: all tenants
	Kind     string
	Endpoint event.ID
	Event    event.ID
	Since    time.Time // of acceptance
	Until    time.Time
	Selection

	Status    string
	Cancelled bool
	Total     int64 // to look at; Uncounted
	Done      int64 // looked at so far
	Affected  int64 // of them handed out, or removed
	UpdatedAt time.Time

	created  time.Time // by the database's clock
	position *candidate
	again    bool // only what it has handed out and what shows no attempt of that
}

// Delivers reports whether what the task selects is put on its way to endpoints.
func (t *Task) Delivers() bool { return t.Kind != TaskPurge && t.Kind != TaskExpunge }

// redelivers reports whether the task is about dead letters and delivers them.
func (t *Task) redelivers() bool { return t.Kind == TaskRecover || t.Kind == TaskRedrive }

// Selection is which part of what a task looks at it is about. Zero fields
// select everything.
type Selection struct {
	Types []string `json:"types,omitempty"`

	Reason string `json:"reason,omitempty"` // of dead letters

	Channel string     `json:"channel,omitempty"` // of events
	Tag     string     `json:"tag,omitempty"`
	State   *State     `json:"state,omitempty"` // of their delivery to the endpoint
	Codes   *CodeRange `json:"codes,omitempty"` // of the newest attempt
}

// CreateTask stores a task to be done. It sets what is counted at once.
func (s *Store) CreateTask(ctx context.Context, t *Task) error {
	t.Status, t.Total = TaskRunning, Uncounted
	found, err := look(ctx, s.db, t, nil, countAtOnce)
	if err != nil {
		return fmt.Errorf("create task: %w", err)
	}
	var total *int64
	if n := int64(len(found)); n < countAtOnce {
		t.Total, total = n, &n
	}
	err = s.db.QueryRow(ctx, `
		INSERT INTO tasks (id, tenant_id, kind, endpoint_id, event_id, since, until, selection, total)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING updated_at`,
		t.ID, nullable(t.Tenant), t.Kind, nullable(t.Endpoint), nullable(t.Event), bound(t.Since), bound(t.Until), t.Selection, total).
		Scan(&t.UpdatedAt)
	if err != nil {
		return fmt.Errorf("create task: %w", err)
	}
	return nil
}

// bound is the lowest event id at t, NULL for no bound.
func bound(t time.Time) *event.ID {
	if t.IsZero() {
		return nil
	}
	id := event.FloorID(t)
	return &id
}

// Task reads a task. It returns ErrNotFound.
func (s *Store) Task(ctx context.Context, id event.ID) (*Task, error) {
	var t Task
	if err := scanTask(s.db.QueryRow(ctx, selectTask+` WHERE id = $1`, id), &t); err != nil {
		return nil, fmt.Errorf("read task: %w", interpret(err))
	}
	return &t, nil
}

const selectTask = `SELECT id, tenant_id, kind, endpoint_id, event_id, since, until, selection,
	status, cancelled, coalesce(total, -1), done, affected, updated_at, created_at, position FROM tasks`

func scanTask(row pgx.Row, t *Task) error {
	var tenant, endpoint, eventID, since, until *event.ID
	var position []event.ID
	err := row.Scan(&t.ID, &tenant, &t.Kind, &endpoint, &eventID, &since, &until, &t.Selection,
		&t.Status, &t.Cancelled, &t.Total, &t.Done, &t.Affected, &t.UpdatedAt, &t.created, &position)
	for _, id := range []struct{ from, to *event.ID }{{tenant, &t.Tenant}, {endpoint, &t.Endpoint}, {eventID, &t.Event}} {
		if id.from != nil {
			*id.to = *id.from
		}
	}
	for _, limit := range []struct {
		from *event.ID
		to   *time.Time
	}{{since, &t.Since}, {until, &t.Until}} {
		if limit.from != nil {
			*limit.to = limit.from.Time()
		}
	}
	if len(position) == 3 {
		t.position = &candidate{position[0], position[1], position[2]}
	}
	return err
}

// CancelTask ends a running task after the part that it is at, and returns what
// it is then. One that has ended stays as it is. It returns ErrNotFound.
func (s *Store) CancelTask(ctx context.Context, id event.ID) (*Task, error) {
	if _, err := s.db.Exec(ctx, `
		UPDATE tasks SET status = 'failed', cancelled = true, updated_at = now()
		WHERE id = $1 AND status = 'running'`, id); err != nil {
		return nil, fmt.Errorf("cancel task: %w", err)
	}
	return s.Task(ctx, id)
}

// KeepTask says that a running task is known to somebody, who will go on with it
// later.
func (s *Store) KeepTask(ctx context.Context, id event.ID) error {
	if _, err := s.db.Exec(ctx, `UPDATE tasks SET updated_at = now() WHERE id = $1 AND status = 'running'`, id); err != nil {
		return fmt.Errorf("keep task: %w", err)
	}
	return nil
}

// StaleTasks lists running tasks that nobody has worked on for a while, to be
// announced again: the announcement was lost, or whoever worked on it died.
func (s *Store) StaleTasks(ctx context.Context, idle time.Duration, limit int) ([]Task, error) {
	rows, err := s.db.Query(ctx, `
		SELECT id, kind FROM tasks WHERE status = 'running' AND updated_at < now() - $1::interval
		ORDER BY updated_at LIMIT $2`, idle, limit)
	tasks, err := collect(rows, err, func(row pgx.Row, t *Task) error { return row.Scan(&t.ID, &t.Kind) })
	if err != nil {
		return nil, fmt.Errorf("list stale tasks: %w", err)
	}
	return tasks, nil
}
