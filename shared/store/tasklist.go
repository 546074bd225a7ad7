package store

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// TaskFilter selects tasks. Zero fields select everything.
type TaskFilter struct {
	Tenant event.ID
	Kinds  []string
	Status string
}

// Tasks lists tasks by id, and tells whether there are more. Of each it knows what
// Task does.
func (s *Store) Tasks(ctx context.Context, f TaskFilter, p Page[event.ID]) ([]Task, bool, error) {
	q := newQuery(selectTask + ` WHERE true`)
	if !f.Tenant.IsZero() {
		q.and(`tenant_id = %s`, f.Tenant)
	}
	if len(f.Kinds) > 0 {
		q.and(`kind = ANY(%s)`, f.Kinds)
	}
	q.within("id", between(time.Time{}, time.Time{}))
	if f.Status != "" {
		q.and(`status = %s`, f.Status)
	}
	turn(q, "id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	tasks, err := collect(rows, err, scanTask)
	if err != nil {
		return nil, false, fmt.Errorf("list tasks: %w", err)
	}
	tasks, more := cut(tasks, p)
	return tasks, more, nil
}
