package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// AdvanceTask does the next part of a task in one transaction: it looks at the
// next limit candidates and does with those that are selected what the task is
// for. Deliveries are put on their way by handOut, and their dead letters taken
// away. It reports whether the task has ended. When it fails, the same part is
// done again next time, in the same run, so a hand-over that had happened is
// recognised.
func (s *Store) AdvanceTask(ctx context.Context, id event.ID, limit int, handOut func(context.Context, []Selected) error) (ended bool, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		var t Task
		if err := scanTask(tx.QueryRow(ctx, selectTask+` WHERE id = $1 FOR UPDATE`, id), &t); err != nil {
			return interpret(err)
		}
		if ended = t.Status != TaskRunning; ended {
			return nil
		}
		found, err := look(ctx, tx, &t, t.position, limit)
		if err != nil {
			return err
		}
		ended = len(found) < limit
		var affected int64
		if len(found) > 0 {
			if affected, err = t.act(ctx, tx, found, handOut); err != nil {
				return err
			}
			t.position = &found[len(found)-1]
		}
		return t.advance(ctx, tx, len(found), affected, ended)
	})
	if err != nil {
		return false, fmt.Errorf("advance task: %w", err)
	}
	return ended, nil
}

// act does what the task is for, and returns with how many of the candidates.
func (t *Task) act(ctx context.Context, tx pgx.Tx, among []candidate, handOut func(context.Context, []Selected) error) (int64, error) {
	switch t.Kind {
	case TaskPurge:
		c := columnsOf(among)
		return forget(ctx, tx, t, c.events, c.endpoints)
	case TaskExpunge:
		return expungeAll(ctx, tx, t, among)
	}
	selected, err := selectDeliveries(ctx, tx, t, among)
	if err != nil || len(selected) == 0 {
		return 0, err
	}
	if err := handOut(ctx, selected); err != nil {
		return 0, err
	}
	events, endpoints := make([]event.ID, len(selected)), make([]event.ID, len(selected))
	for i := range selected {
		events[i], endpoints[i] = selected[i].Event.ID, selected[i].Endpoint
	}
	_, err = forget(ctx, tx, t, events, endpoints)
	return int64(len(selected)), err
}

// advance notes what was done. At the end what was looked at is all there was:
// some of what was counted may be gone since.
func (t *Task) advance(ctx context.Context, tx pgx.Tx, looked int, affected int64, ended bool) error {
	var position []event.ID
	if t.position != nil {
		position = []event.ID{t.position.Tenant, t.position.Event, t.position.Endpoint}
	}
	_, err := tx.Exec(ctx, `
		UPDATE tasks SET done = done + $2, affected = affected + $3, position = $4, updated_at = now(),
			total = CASE WHEN $5 OR total < done + $2 THEN done + $2 ELSE total END,
			status = CASE WHEN $5 THEN 'finished' ELSE status END
		WHERE id = $1`, t.ID, looked, affected, position, ended)
	return err
}
