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
	// TaskRedrive delivers one or all dead letters of an endpoint again.
	TaskRedrive = "dlq.redrive"
)

// The states of a task.
const (
	TaskRunning  = "running"
	TaskFinished = "finished"
)

// Task is a job that dlq does: deliver a selection of events again. Zero fields
// select everything.
type Task struct {
	ID       event.ID // its time bounds the selection: what dies later is not of it
	Tenant   event.ID
	Kind     string
	Endpoint event.ID
	Event    event.ID
	Since    time.Time // of acceptance
	Until    time.Time

	Status    string
	Done      int64 // deliveries handed out so far
	UpdatedAt time.Time
}

// CreateTask stores a task to be done.
func (s *Store) CreateTask(ctx context.Context, t Task) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO tasks (id, tenant_id, kind, endpoint_id, event_id, since, until)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.ID, t.Tenant, t.Kind, nullable(t.Endpoint), nullable(t.Event), bound(t.Since), bound(t.Until))
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

const selectTask = `SELECT id, tenant_id, kind, status, done, updated_at FROM tasks`

func scanTask(row pgx.Row, t *Task) error {
	return row.Scan(&t.ID, &t.Tenant, &t.Kind, &t.Status, &t.Done, &t.UpdatedAt)
}

// StaleTasks lists running tasks that nobody has worked on for a while, to be
// announced again: the announcement was lost, or whoever worked on it died.
func (s *Store) StaleTasks(ctx context.Context, idle time.Duration, limit int) ([]Task, error) {
	rows, err := s.db.Query(ctx, `
		SELECT id, kind FROM tasks WHERE status = 'running' AND updated_at < now() - $1::interval
		ORDER BY updated_at LIMIT $2`, idle, limit)
	if err != nil {
		return nil, fmt.Errorf("list stale tasks: %w", err)
	}
	tasks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Task, error) {
		var t Task
		err := row.Scan(&t.ID, &t.Kind)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("list stale tasks: %w", err)
	}
	return tasks, nil
}

// Selected is one event that a task delivers to one endpoint.
type Selected struct {
	Event    event.Event
	Endpoint event.ID
}

// AdvanceTask does the next part of a task in one transaction: it selects up to
// limit deliveries, has handOut put them on their way, and takes their dead
// letters away. It reports whether the task is finished. When it fails, the same
// part is done again next time, in the same run, so a hand-over that had happened
// is recognised.
func (s *Store) AdvanceTask(ctx context.Context, id event.ID, limit int, handOut func(context.Context, []Selected) error) (finished bool, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		var kind, status string
		err := tx.QueryRow(ctx, `SELECT kind, status FROM tasks WHERE id = $1 FOR UPDATE`, id).Scan(&kind, &status)
		if err != nil {
			return interpret(err)
		}
		if finished = status != TaskRunning; finished {
			return nil
		}
		selection := selectDead
		if kind == TaskResend {
			selection = selectEvent
		}
		selected, err := selectDeliveries(ctx, tx, selection, id, limit)
		if err != nil {
			return err
		}
		if err := handOut(ctx, selected); err != nil {
			return err
		}
		finished = kind == TaskResend || len(selected) < limit
		return settle(ctx, tx, id, selected, finished)
	})
	if err != nil {
		return false, fmt.Errorf("advance task: %w", err)
	}
	return finished, nil
}

// selectDead finds what was dead when the task was made. An event whose
// partition was dropped or whose payload was removed cannot be delivered any
// more and is passed over.
const selectDead = `
	SELECT %s, d.endpoint_id FROM tasks k
	JOIN tenants t ON t.id = k.tenant_id
	JOIN dead_letters d ON d.tenant_id = k.tenant_id AND d.died_at < k.created_at
		AND (k.endpoint_id IS NULL OR d.endpoint_id = k.endpoint_id)
		AND (k.event_id IS NULL OR d.event_id = k.event_id)
		AND (k.since IS NULL OR d.event_id >= k.since)
		AND (k.until IS NULL OR d.event_id < k.until)
	JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id AND NOT ` + gone + `
	WHERE k.id = $1 ORDER BY e.id LIMIT $2`

const selectEvent = `
	SELECT %s, k.endpoint_id FROM tasks k
	JOIN tenants t ON t.id = k.tenant_id
	JOIN events e ON e.tenant_id = k.tenant_id AND e.id = k.event_id AND NOT ` + gone + `
	WHERE k.id = $1 LIMIT $2`

func selectDeliveries(ctx context.Context, tx pgx.Tx, query string, task event.ID, limit int) ([]Selected, error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(query, travelColumns()), task, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Selected, error) {
		var s Selected
		err := scanTravelling(row, &s.Event, &s.Endpoint)
		return s, err
	})
}

// settle takes away the dead letters that are on their way again, but not of
// those that have meanwhile died again.
func settle(ctx context.Context, tx pgx.Tx, task event.ID, selected []Selected, finished bool) error {
	events, endpoints := make([]event.ID, len(selected)), make([]event.ID, len(selected))
	for i := range selected {
		events[i], endpoints[i] = selected[i].Event.ID, selected[i].Endpoint
	}
	if _, err := tx.Exec(ctx, `
		DELETE FROM dead_letters d USING unnest($1::uuid[], $2::uuid[]) AS s(event_id, endpoint_id), tasks k
		WHERE d.event_id = s.event_id AND d.endpoint_id = s.endpoint_id AND k.id = $3 AND d.died_at < k.created_at`,
		events, endpoints, task); err != nil {
		return err
	}
	status := TaskRunning
	if finished {
		status = TaskFinished
	}
	_, err := tx.Exec(ctx, `UPDATE tasks SET done = done + $2, status = $3, updated_at = now() WHERE id = $1`,
		task, len(selected), status)
	return err
}
