package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// missingLetters looks at the attempts since that failed for the last time. One
// that is no dead letter, and was none that somebody took away, goes to DLQ.
func missingLetters(ctx context.Context, tx pgx.Tx, r *Reconciliation, limit int, handOut HandOut) (progress, error) {
	from := event.FloorID(r.Since)
	if r.position != nil {
		from = r.position.ID
	}
	rows, err := tx.Query(ctx, `
		SELECT id FROM attempts WHERE next_at IS NULL AND outcome <> 'success' AND id > $1 AND id < $2 ORDER BY id LIMIT $3`,
		from, event.FloorID(r.Created.Add(clockSkew)), limit)
	found, err := collect(rows, err, func(row pgx.Row, id *event.ID) error { return row.Scan(id) })
	if err != nil || len(found) == 0 {
		return progress{}, err
	}
	last := found[len(found)-1]
	rows, err = tx.Query(ctx, `
		SELECT a.tenant_id, a.event_id, a.endpoint_id, a.run_id, a.attempt, a.outcome, e.event_type
		FROM attempts a JOIN events e ON e.tenant_id = a.tenant_id AND e.id = a.event_id
		WHERE a.next_at IS NULL AND a.outcome <> 'success' AND a.id > $1 AND a.id <= $2
			AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.endpoint_id = a.endpoint_id AND d.event_id = a.event_id)
			AND NOT EXISTS (SELECT FROM letters_taken l WHERE l.endpoint_id = a.endpoint_id AND l.event_id = a.event_id
				AND l.run_id IS NOT DISTINCT FROM a.run_id)
		ORDER BY a.id`, from, last)
	letters, err := collect(rows, err, func(row pgx.Row, d *event.Delivery) error {
		var run *event.ID
		err := row.Scan(&d.Tenant, &d.Event, &d.Endpoint, &run, &d.Attempt, &d.Reason, &d.Type)
		if run != nil {
			d.Run = *run
		}
		if d.Referred = true; d.Reason == event.ReasonDisabled {
			*d = d.NotSent()
			d.Deferrals++
		}
		d.Round = r.round()
		return err
	})
	if err != nil {
		return progress{}, err
	}
	if len(letters) > 0 {
		if err := handOut(ctx, letters); err != nil {
			return progress{}, err
		}
	}
	done := progress{again: int64(len(letters))}
	if len(found) == limit {
		done.next = &position{ID: last}
	}
	return done, nil
}

// missingRedriven looks at the dead letters that tasks took away since, to deliver
// them, and that have shown no sign of it.
func missingRedriven(ctx context.Context, tx pgx.Tx, r *Reconciliation, limit int, handOut HandOut) (progress, error) {
	at := position{At: r.Since}
	if r.position != nil {
		at = *r.position
	}
	rows, err := tx.Query(ctx, `
		SELECT tenant_id, event_id, endpoint_id, taken_at, id FROM letters_taken
		WHERE (taken_at, id) > ($1, $2) AND taken_at < $3 ORDER BY taken_at, id LIMIT $4`, at.At, at.N, r.Created, limit)
	var ids []int64
	found, err := collect(rows, err, func(row pgx.Row, c *candidate) error {
		err := row.Scan(&c.Tenant, &c.Event, &c.Endpoint, &at.At, &at.N)
		ids = append(ids, at.N)
		return err
	})
	if err != nil || len(found) == 0 {
		return progress{}, err
	}
	c := columnsOf(found)
	from, to := attemptsSince(c.oldest.Time())
	rows, err = tx.Query(ctx, `
		SELECT `+travelColumns()+`, l.endpoint_id, l.redelivered, l.attempts = 0 AND l.run_id IS NULL, l.deferrals
		FROM letters_taken l
		JOIN tenants t ON t.id = l.tenant_id AND t.deleted_at IS NULL
		JOIN endpoints p ON p.id = l.endpoint_id AND p.deleted_at IS NULL
		JOIN events e ON e.tenant_id = l.tenant_id AND e.id = l.event_id AND e.id >= $2 AND e.id <= $3
		WHERE l.id = ANY ($1) AND l.redelivered IS NOT NULL
			AND NOT EXISTS (SELECT FROM letters_taken n WHERE n.endpoint_id = l.endpoint_id AND n.event_id = l.event_id AND n.id > l.id)
			AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.endpoint_id = l.endpoint_id AND d.event_id = l.event_id)
			AND NOT EXISTS (SELECT FROM attempts a WHERE a.event_id = l.event_id AND a.endpoint_id = l.endpoint_id AND a.id >= $4 AND a.id < $5
				AND a.run_id IS NOT DISTINCT FROM CASE WHEN l.attempts = 0 AND l.run_id IS NULL THEN NULL ELSE l.redelivered END)
		ORDER BY l.id`, ids, c.oldest, c.newest, from, to)
	again, err := deliverAgain(ctx, r, rows, err, handOut)
	if err != nil || len(found) < limit {
		return progress{again: again}, err
	}
	return progress{&at, again}, nil
}

// deliverAgain hands out what a query finds that tasks had handed out: events,
// endpoints, the tasks, and as what.
func deliverAgain(ctx context.Context, r *Reconciliation, rows pgx.Rows, err error, handOut HandOut) (int64, error) {
	deliveries, err := collect(rows, err, func(row pgx.Row, d *event.Delivery) error {
		var s Selected
		var task event.ID
		if err := scanTravelling(row, &s.Event, &s.Endpoint, &task, &s.Missed, &s.Deferrals); err != nil {
			return err
		}
		s.Event.Round = r.round()
		*d = s.Delivery(task)
		return nil
	})
	if err != nil || len(deliveries) == 0 {
		return 0, err
	}
	return int64(len(deliveries)), handOut(ctx, deliveries)
}

// missingReplays looks at what tasks went through, since when they were worked on,
// that deliver events again whatever became of them. Where a task has come to is
// its own affair: here it is walked behind it, from its beginning, and what shows
// no attempt of its run is handed out again.
func missingReplays(ctx context.Context, tx pgx.Tx, r *Reconciliation, limit int, handOut HandOut) (progress, error) {
	var at position
	if r.position != nil {
		at = *r.position
	}
	if at.Task == nil { // the next task
		rows, err := tx.Query(ctx, `
			SELECT id FROM tasks WHERE id > $1 AND kind = ANY ($2) AND updated_at >= $3 AND position IS NOT NULL ORDER BY id LIMIT 1`,
			at.ID, []string{TaskResend, TaskReplay, TaskBulkReplay}, r.Since)
		next, err := collect(rows, err, func(row pgx.Row, id *event.ID) error { return row.Scan(id) })
		if err != nil || len(next) == 0 {
			return progress{}, err
		}
		at.ID = next[0]
	}
	var t Task
	if err := scanTask(tx.QueryRow(ctx, selectTask+` WHERE id = $1`, at.ID), &t); err != nil {
		return progress{}, err
	}
	found, err := look(ctx, tx, &t, at.Task, limit)
	if err != nil {
		return progress{}, err
	}
	ended := len(found) < limit
	for i := range found {
		if string(found[i].Event[:]) > string(t.position.Event[:]) { // it is still to come there
			found, ended = found[:i], true
			break
		}
	}
	done := progress{next: &position{ID: at.ID}}
	if !ended {
		done.next.Task = &found[len(found)-1]
	}
	if len(found) == 0 {
		return done, nil
	}
	t.again = true
	selected, err := selectDeliveries(ctx, tx, &t, found)
	if err != nil || len(selected) == 0 {
		return done, err
	}
	deliveries := make([]event.Delivery, len(selected))
	for i := range selected {
		selected[i].Event.Round = r.round()
		deliveries[i] = selected[i].Delivery(t.ID)
	}
	done.again = int64(len(deliveries))
	return done, handOut(ctx, deliveries)
}

// DropReconciliations forgets reconciliations that were finished before a moment,
// and servers that were last met before it.
func (s *Store) DropReconciliations(ctx context.Context, before time.Time) error {
	var batch pgx.Batch
	batch.Queue(`DELETE FROM reconciliations WHERE finished_at < $1`, before)
	batch.Queue(`DELETE FROM nats_servers WHERE last_seen < $1`, before)
	return s.db.SendBatch(ctx, &batch).Close()
}
