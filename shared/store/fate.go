package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Fate selects events by their deliveries. Zero fields select everything; with several,
// one delivery has to be like all of them.
type Fate struct {
	Endpoint event.ID
	State    *State
	Codes    *CodeRange // of the newest attempt
}

// Any reports whether everything is selected.
func (f Fate) Any() bool { return f == Fate{} }

// PostedFilter selects events. Zero fields select everything.
type PostedFilter struct {
	EventFilter
	Fate
}

// Deliveries counts the deliveries of an event by their state. Those without an attempt
// are not counted.
type Deliveries struct{ Success, Sending, Failed int }

// add counts one more.
func (d *Deliveries) add(s State) {
	switch s {
	case StateSuccess:
		d.Success++
	case StateSending:
		d.Sending++
	case StateFailed:
		d.Failed++
	case StatePending: // there is no row of it
	}
}

// Deliveries counts the deliveries of each of these events. One without is not among
// them.
func (s *Store) Deliveries(ctx context.Context, events []event.ID) (map[event.ID]Deliveries, error) {
	return s.deliveries(ctx, events, Fate{})
}

// deliveries counts those with a fate, of whatever state.
func (s *Store) deliveries(ctx context.Context, events []event.ID, f Fate) (map[event.ID]Deliveries, error) {
	counts := make(map[event.ID]Deliveries)
	if len(events) == 0 {
		return counts, nil
	}
	oldest := events[0]
	for _, id := range events {
		if id.Time().Before(oldest.Time()) {
			oldest = id
		}
	}
	from, to := attemptsSince(oldest.Time())
	q := newQuery(`SELECT event_id, state FROM (
		SELECT DISTINCT ON (event_id, endpoint_id) event_id, status_code, `+stateOf+` AS state FROM attempts
		WHERE event_id = ANY($1) AND id >= $2 AND id < $3`, events, from, to)
	if !f.Endpoint.IsZero() {
		q.and(`endpoint_id = %s`, f.Endpoint)
	}
	q.sql.WriteString(` ORDER BY event_id, endpoint_id, id DESC) AS newest WHERE true`)
	if f.Codes != nil {
		q.and(`status_code >= %s`, f.Codes.From)
		q.and(`status_code < %s`, f.Codes.To)
	}
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	if err != nil {
		return nil, fmt.Errorf("count deliveries of events: %w", err)
	}
	var id event.ID
	var state State
	if _, err := pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		d := counts[id]
		d.add(state)
		counts[id] = d
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count deliveries of events: %w", err)
	}
	return counts, nil
}

// sort keeps of the rows that fit those whose events have the fate.
func (f Fate) sort(ctx context.Context, s *Store, rows []seen) error {
	var events []event.ID
	for _, row := range rows {
		if row.fits {
			events = append(events, row.event)
		}
	}
	counts, err := s.deliveries(ctx, events, f)
	if err != nil {
		return err
	}
	for i := range rows {
		d, tried := counts[rows[i].event]
		rows[i].fits = rows[i].fits && f.is(d, tried)
	}
	return nil
}

// is reports whether what became of an event is what is asked for.
func (f Fate) is(d Deliveries, tried bool) bool {
	if f.State == nil {
		return tried
	}
	switch *f.State {
	case StateSuccess:
		return d.Success > 0
	case StateSending:
		return d.Sending > 0
	case StateFailed:
		return d.Failed > 0
	default:
		return !tried && f.Codes == nil
	}
}
