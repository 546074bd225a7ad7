package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// commitLag is how much later than its id an event may come into its batch.
const commitLag = 30 * time.Second

// Timeline is what is known of the way of an event.
type Timeline struct {
	Published time.Time // when the batch that it is in was on EVENTS; zero: not yet, or forgotten
	Attempts  []Attempt // the newest ones, in order
	Dead      []DeadLetter
	Pending   []event.ID // endpoints that are to get it and have had no attempt
	More      bool       // there was more than was asked for
}

// Timeline reads the way of an event of the tenant, at most limit of everything.
func (s *Store) Timeline(ctx context.Context, tenant, id event.ID, limit int) (*Timeline, error) {
	var t Timeline
	var moreAttempts Rest
	var moreDead, morePending bool
	var err error
	if t.Published, err = s.published(ctx, id); err != nil {
		return nil, fmt.Errorf("find batch: %w", err)
	}
	newest := Page[event.ID]{Limit: limit, Ascending: true, Back: true}
	if t.Attempts, moreAttempts, err = s.Attempts(ctx, tenant, AttemptFilter{Event: id}, newest); err != nil {
		return nil, err
	}
	if t.Dead, moreDead, err = s.DeadLetters(ctx, LetterFilter{Tenant: tenant, Event: id}, Page[LetterKey]{Limit: limit}); err != nil {
		return nil, err
	}
	if t.Pending, morePending, err = s.pending(ctx, tenant, id, Page[event.ID]{Limit: limit, Ascending: true}); err != nil {
		return nil, fmt.Errorf("list pending endpoints: %w", err)
	}
	t.More = moreAttempts.More || moreDead || morePending
	return &t, nil
}

// published finds the batch of the event, whose id was made soon after its own.
func (s *Store) published(ctx context.Context, id event.ID) (time.Time, error) {
	rows, err := s.db.Query(ctx, `
		SELECT published_at FROM batches WHERE id >= $1 AND id < $2 AND $3 = ANY (event_ids) ORDER BY id LIMIT 1`,
		event.FloorID(id.Time()), event.FloorID(id.Time().Add(commitLag)), id)
	if err != nil {
		return time.Time{}, err
	}
	at, err := pgx.CollectRows(rows, pgx.RowTo[*time.Time])
	if err != nil || len(at) == 0 {
		return time.Time{}, err
	}
	return timeOf(at[0]), nil
}

// pending asks of each endpoint that was there before the event what fanout asks,
// as the endpoint is now. What was not sent is not on its way. It takes sets from
// each other because NOT EXISTS is at times planned as a look-up for each endpoint
// in each partition (measured: 25 s for 10,000 endpoints and 45 days before the
// first ANALYZE).
func (s *Store) pending(ctx context.Context, tenant, id event.ID, p Page[event.ID]) ([]event.ID, bool, error) {
	from, to := attemptsSince(id.Time())
	q := newQuery(`
		SELECT p.id FROM events e JOIN endpoints p ON p.tenant_id = e.tenant_id AND p.deleted_at IS NULL AND NOT p.disabled AND p.id < e.id
			AND CASE WHEN e.endpoint_id IS NOT NULL THEN p.id = e.endpoint_id
				ELSE (p.event_types IS NULL OR e.event_type = ANY (p.event_types)) AND (p.channels IS NULL OR p.channels && e.channels) END
		WHERE e.tenant_id = $1 AND e.id = $2
		EXCEPT SELECT endpoint_id FROM attempts WHERE event_id = $2 AND id >= $3 AND id < $4
		EXCEPT SELECT endpoint_id FROM dead_letters WHERE tenant_id = $1 AND event_id = $2`, tenant, id, from, to)
	turn(q, "id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	pending, err := collect(rows, err, func(row pgx.Row, id *event.ID) error { return row.Scan(id) })
	pending, more := cut(pending, p)
	return pending, more, err
}
