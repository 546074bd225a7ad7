package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// State is what is known of a delivery: what its newest attempt says.
type State int

// The states.
const (
	StatePending State = iota // no attempt yet; found nowhere, since there is no row of it
	StateSuccess
	StateSending // failed, and the next attempt is planned
	StateFailed  // for good
)

// stateOf makes a State of a row of attempts.
const stateOf = `CASE WHEN outcome = '` + OutcomeSuccess + `' THEN 1 WHEN next_at IS NOT NULL THEN 2 ELSE 3 END`

// newestState is the state of a delivery whose attempts are grouped.
const newestState = `(array_agg(` + stateOf + ` ORDER BY id DESC))[1]`

// Progress is how far a delivery has come.
type Progress struct {
	State  State
	NextAt time.Time // when the next attempt is due; zero: there is none
}

// Stats counts deliveries by their state.
type Stats struct {
	Success int64
	Sending int64
	Failed  int64
}

// Stats counts the deliveries to an endpoint that were attempted in a range of
// time, by the newest attempt of each in that range.
func (s *Store) Stats(ctx context.Context, tenant, endpoint event.ID, since, until time.Time) (Stats, error) {
	var n Stats
	err := s.db.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = $5), count(*) FILTER (WHERE state = $6), count(*) FILTER (WHERE state = $7)
		FROM (SELECT DISTINCT ON (event_id) `+stateOf+` AS state FROM attempts
			WHERE tenant_id = $1 AND endpoint_id = $2 AND id >= $3 AND id < $4 ORDER BY event_id, id DESC) AS d`,
		tenant, endpoint, event.FloorID(since), event.FloorID(until), StateSuccess, StateSending, StateFailed).
		Scan(&n.Success, &n.Sending, &n.Failed)
	if err != nil {
		return n, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}

// DeliveryFilter selects deliveries. Zero fields select everything.
type DeliveryFilter struct {
	EventFilter

	State *State
}

// AttemptedEvent is an event that was attempted at an endpoint.
type AttemptedEvent struct {
	Posted
	Progress
}

// AttemptedEvents lists the events that were attempted at an endpoint of the
// tenant by id.
//
// It walks an index in the order of the events. Attempts can be made long after
// their event, so the index is entered in every day since the oldest event that
// is looked for.
func (s *Store) AttemptedEvents(ctx context.Context, tenant, endpoint event.ID, f DeliveryFilter, p Page[event.ID], payload bool) ([]AttemptedEvent, Rest, error) {
	if f.State != nil && *f.State == StatePending {
		return nil, Rest{}, nil
	}
	found := make(map[event.ID]Progress)
	within := search{f.After, f.Before, firstWindow, f.State != nil || f.ofEvents()}
	ids, rest, err := s.history(p, within, func(w window, p Page[event.ID]) ([]seen, error) {
		from, to := attemptsSince(w.from.Time())
		q := newQuery(`
			SELECT event_id, `+newestState+`, (array_agg(next_at ORDER BY id DESC))[1] FROM attempts
			WHERE endpoint_id = $1 AND id >= $2 AND id < $3 GROUP BY event_id HAVING true`, endpoint, from, to) // the sieve sees to the tenant
		q.within("event_id", w)
		turn(q, "event_id", p)
		rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
		looked, err := collect(rows, err, func(row pgx.Row, r *seen) error {
			var at Progress
			err := at.scan(row, func(row pgx.Row) error { return row.Scan(&r.id) })
			r.event, r.fits = r.id, f.State == nil || at.State == *f.State
			found[r.id] = at
			return err
		})
		if err != nil {
			return nil, err
		}
		return looked, s.sieve(ctx, tenant, &f.EventFilter, looked)
	})
	if err != nil {
		return nil, rest, fmt.Errorf("find attempted events: %w", err)
	}
	q := newQuery(selectPosted(payload)+` WHERE tenant_id = $1`, tenant)
	events, err := fetch(ctx, s, q, ids, p, func(row pgx.Row, a *AttemptedEvent) error {
		err := scanPosted(row, &a.Posted)
		a.Progress = found[a.ID]
		return err
	})
	if err != nil {
		return nil, rest, fmt.Errorf("list attempted events: %w", err)
	}
	return events, rest, nil
}

// AttemptedEndpoint is an endpoint that an event was attempted at. It may have
// been deleted since.
type AttemptedEndpoint struct {
	Endpoint
	Progress
}

// AttemptedEndpoints lists the endpoints that an event of the tenant was
// attempted at by id, and tells whether there are more.
func (s *Store) AttemptedEndpoints(ctx context.Context, tenant, eventID event.ID, p Page[event.ID]) ([]AttemptedEndpoint, bool, error) {
	from, to := attemptsSince(eventID.Time())
	q := newQuery(`
		SELECT e.*, d.state, d.next_at FROM (
			SELECT DISTINCT ON (endpoint_id) endpoint_id, next_at, `+stateOf+` AS state FROM attempts
			WHERE tenant_id = $1 AND event_id = $2 AND id >= $3 AND id < $4 ORDER BY endpoint_id, id DESC) AS d
		CROSS JOIN LATERAL (`+selectEndpoint+` WHERE tenant_id = $1 AND id = d.endpoint_id LIMIT 1) AS e
		WHERE true`, tenant, eventID, from, to)
	turn(q, "d.endpoint_id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	endpoints, err := collect(rows, err, func(row pgx.Row, a *AttemptedEndpoint) error {
		return a.scan(row, func(row pgx.Row) error { return s.scanEndpoint(row, &a.Endpoint) })
	})
	if err != nil {
		return nil, false, fmt.Errorf("list attempted endpoints: %w", err)
	}
	endpoints, more := cut(endpoints, p)
	return endpoints, more, nil
}

// attemptsSince bounds the ids of all attempts at events since t, so that
// PostgreSQL skips the days before and those that are still to come.
func attemptsSince(t time.Time) (from, to event.ID) {
	return event.FloorID(t.Add(-clockSkew)), event.FloorID(time.Now().Add(clockSkew))
}

// scan reads a row that begins with what rest reads and ends with the progress.
func (p *Progress) scan(row pgx.Row, rest func(pgx.Row) error) error {
	var next *time.Time
	err := rest(longer{row, []any{&p.State, &next}})
	if next != nil {
		p.NextAt = *next
	}
	return err
}

// longer is a row with more columns at its end than its reader knows of.
type longer struct {
	row  pgx.Row
	rest []any
}

// Scan reads all columns.
func (l longer) Scan(targets ...any) error { return l.row.Scan(append(targets, l.rest...)...) }
