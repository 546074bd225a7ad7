package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// candidate is what a task looks at: a dead letter, or an event and the endpoint
// that the task is about, if it is about one.
type candidate struct {
	Tenant   event.ID
	Event    event.ID
	Endpoint event.ID
}

// look finds what a task has to look at next after the position, in the order of
// an index, at most limit. What it reads is bounded by that too: whether the
// task is about what was found is asked later.
func look(ctx context.Context, db querier, t *Task, position *candidate, limit int) ([]candidate, error) {
	q := walk(t, position)
	fmt.Fprintf(&q.sql, ` LIMIT %d`, limit)
	rows, err := db.Query(ctx, q.sql.String(), q.args...)
	found, err := collect(rows, err, func(row pgx.Row, c *candidate) error { return row.Scan(&c.Tenant, &c.Event, &c.Endpoint) })
	if err != nil {
		return nil, fmt.Errorf("look for candidates: %w", err)
	}
	return found, nil
}

func walk(t *Task, position *candidate) *query {
	end := t.ID
	if until := bound(t.Until); until != nil && !t.Until.After(t.ID.Time()) {
		end = *until
	}
	var q *query
	var columns []string
	column := "event_id"
	switch t.Kind {
	case TaskRecover, TaskRedrive, TaskPurge:
		q = newQuery(`SELECT tenant_id, event_id, endpoint_id FROM dead_letters WHERE event_id < $1`, end)
		// The primary key of the table, or its index by tenant.
		switch {
		case !t.Endpoint.IsZero():
			q.and(`endpoint_id = %s`, t.Endpoint)
			columns = []string{"event_id"}
		case !t.Tenant.IsZero():
			q.and(`tenant_id = %s`, t.Tenant)
			columns = []string{"event_id", "endpoint_id"}
		default:
			columns = []string{"tenant_id", "event_id", "endpoint_id"}
		}
	default:
		q = newQuery(`SELECT tenant_id, id, $2::uuid FROM events WHERE id < $1`, end, t.Endpoint)
		q.and(`tenant_id = %s`, t.Tenant)
		column, columns = "id", []string{"id"}
	}
	if !t.Event.IsZero() {
		q.and(column+` = %s`, t.Event)
	}
	if since := bound(t.Since); since != nil {
		q.and(column+` >= %s`, *since)
	}
	if position != nil {
		q.beyond(columns, *position)
	}
	q.sql.WriteString(` ORDER BY ` + strings.Join(columns, ", "))
	return q
}

// beyond keeps to what follows the position in the order of the columns.
func (q *query) beyond(columns []string, position candidate) {
	places := make([]string, len(columns))
	for i, column := range columns {
		switch column {
		case "tenant_id":
			q.args = append(q.args, position.Tenant)
		case "endpoint_id":
			q.args = append(q.args, position.Endpoint)
		default:
			q.args = append(q.args, position.Event)
		}
		places[i] = fmt.Sprintf("$%d", len(q.args))
	}
	fmt.Fprintf(&q.sql, ` AND (%s) > (%s)`, strings.Join(columns, ", "), strings.Join(places, ", "))
}

// countStep is how much is counted by one statement.
const countStep = 10_000

// CountTask counts what a task has to look at, if nobody has yet, and returns the
// task. Whoever does it does so before it begins. It returns ErrNotFound.
func (s *Store) CountTask(ctx context.Context, id event.ID) (*Task, error) {
	t, err := s.Task(ctx, id)
	if err != nil || t.Total != Uncounted || t.Status != TaskRunning {
		return t, err
	}
	t.Total = t.Done
	for position := t.position; ; {
		found, err := look(ctx, s.db, t, position, countStep)
		if err != nil {
			return nil, fmt.Errorf("count task: %w", err)
		}
		t.Total += int64(len(found))
		if len(found) < countStep {
			break
		}
		position = &found[len(found)-1]
	}
	if _, err := s.db.Exec(ctx, `UPDATE tasks SET total = $2, updated_at = now() WHERE id = $1 AND total IS NULL`, id, t.Total); err != nil {
		return nil, fmt.Errorf("count task: %w", err)
	}
	return t, nil
}
