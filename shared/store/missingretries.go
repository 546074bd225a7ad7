package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// waiting is an attempt that another is to follow.
type waiting struct {
	id     event.ID
	leg    candidate
	run    *event.ID
	number int
	nextAt time.Time
}

// longestDelay is above what there can be between an attempt and the next.
const longestDelay = 9 * day

// waitingSince lists attempts in the order in which their next ones are due, behind
// the position and until a moment.
func waitingSince(ctx context.Context, tx pgx.Tx, from position, until time.Time, limit int) ([]waiting, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, tenant_id, event_id, endpoint_id, run_id, attempt, next_at FROM attempts
		WHERE next_at IS NOT NULL AND (next_at, id) > ($1, $2) AND next_at <= $3 AND id >= $4 AND id < $5 ORDER BY next_at, id LIMIT $6`,
		from.At, from.ID, until, event.FloorID(from.At.Add(-longestDelay)), event.FloorID(until.Add(clockSkew)), limit)
	return collect(rows, err, func(row pgx.Row, w *waiting) error {
		return row.Scan(&w.id, &w.leg.Tenant, &w.leg.Event, &w.leg.Endpoint, &w.run, &w.number, &w.nextAt)
	})
}

func (w *waiting) position() position { return position{At: w.nextAt, ID: w.id} }

// nextAttempts makes the deliveries that are to follow, of those that nothing
// has followed yet and whose endpoint is there. They are to be looked up: most are
// where they belong.
func nextAttempts(ctx context.Context, tx pgx.Tx, all []waiting, round int64) ([]event.Delivery, error) {
	n := len(all)
	if n == 0 {
		return nil, nil
	}
	legs, runs := make([]candidate, n), make([]*event.ID, n)
	numbers, due := make([]int, n), make([]time.Time, n)
	oldest := all[0].id.Time()
	for i, w := range all {
		legs[i], runs[i], numbers[i], due[i] = w.leg, w.run, w.number, w.nextAt
		if at := w.id.Time(); at.Before(oldest) {
			oldest = at
		}
	}
	c := columnsOf(legs)
	rows, err := tx.Query(ctx, `
		SELECT `+travelColumns()+`, c.endpoint_id, c.run_id, c.attempt, c.next_at
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::timestamptz[]) WITH ORDINALITY
			AS c(tenant_id, event_id, endpoint_id, run_id, attempt, next_at, place)
		JOIN tenants t ON t.id = c.tenant_id AND t.deleted_at IS NULL
		JOIN endpoints p ON p.id = c.endpoint_id AND p.deleted_at IS NULL
		JOIN events e ON e.tenant_id = c.tenant_id AND e.id = c.event_id AND e.id >= $7 AND e.id <= $8
		WHERE NOT EXISTS (SELECT FROM attempts a WHERE a.event_id = c.event_id AND a.endpoint_id = c.endpoint_id AND a.id >= $9
			AND a.run_id IS NOT DISTINCT FROM c.run_id AND a.attempt > c.attempt)
		ORDER BY c.place`,
		c.tenants, c.events, c.endpoints, runs, numbers, due, c.oldest, c.newest, event.FloorID(oldest.Add(-clockSkew)))
	return collect(rows, err, func(row pgx.Row, d *event.Delivery) error {
		e := event.Event{Recheck: true, Round: round}
		var endpoint event.ID
		var run *event.ID
		var number int
		var nextAt time.Time
		if err := scanTravelling(row, &e, &endpoint, &run, &number, &nextAt); err != nil {
			return err
		}
		*d = e.To(endpoint)
		if run != nil {
			d.Run, d.Tx = *run, 0
		}
		d.Attempt, d.Due = number+1, nextAt
		return nil
	})
}

// missingRetries looks at the attempts whose next one is due since, or will be
// soon. Those that were made after the reconciliation was asked for are where they
// belong. Where nothing is known to be missing it keeps to those that were made since.
func missingRetries(ctx context.Context, tx pgx.Tx, r *Reconciliation, limit int, handOut HandOut) (progress, error) {
	from := position{At: r.Since}
	if r.position != nil {
		from = *r.position
	}
	found, err := waitingSince(ctx, tx, from, r.Created.Add(soon), limit)
	if err != nil || len(found) == 0 {
		return progress{}, err
	}
	var done progress
	if len(found) == limit {
		next := found[limit-1].position()
		done.next = &next
	}
	found = slices.DeleteFunc(found, func(w waiting) bool {
		made := w.id.Time()
		return made.After(r.Created) || !r.Lost && made.Before(r.Since)
	})
	deliveries, err := nextAttempts(ctx, tx, found, r.round())
	if err != nil || len(deliveries) == 0 {
		return done, err
	}
	done.again = int64(len(deliveries))
	return done, handOut(ctx, deliveries)
}

// AdvanceOverdue looks at the next attempts that another should have followed some
// time ago, at most limit, and hands out those that are to follow and do not show.
// Each attempt is looked at once for each time. It returns at how many it looked.
// When it fails, the same are looked at next time.
func (s *Store) AdvanceOverdue(ctx context.Context, after time.Duration, limit int, handOut HandOut) (looked int, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		var from position
		rows, err := tx.Query(ctx, `SELECT next_at, id FROM overdue_looks WHERE after = $1 FOR UPDATE`, after)
		known, err := collect(rows, err, func(row pgx.Row, p *position) error { return row.Scan(&p.At, &p.ID) })
		if err != nil {
			return err
		}
		if len(known) > 0 {
			from = known[0]
		}
		found, err := waitingSince(ctx, tx, from, time.Now().Add(-after), limit)
		if looked = len(found); err != nil || looked == 0 {
			return err
		}
		deliveries, err := nextAttempts(ctx, tx, found, 0)
		if err != nil {
			return err
		}
		if len(deliveries) > 0 {
			if err := handOut(ctx, deliveries); err != nil {
				return err
			}
		}
		last := found[looked-1]
		_, err = tx.Exec(ctx, `
			INSERT INTO overdue_looks (after, next_at, id) VALUES ($1, $2, $3)
			ON CONFLICT (after) DO UPDATE SET next_at = excluded.next_at, id = excluded.id`, after, last.nextAt, last.id)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for overdue attempts: %w", err)
	}
	return looked, nil
}
