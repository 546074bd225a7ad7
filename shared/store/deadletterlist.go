package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// DeadLetterPage lists what is dead at the endpoint by event, and tells whether
// there are more.
func (s *Store) DeadLetterPage(ctx context.Context, endpoint event.ID, p Page[event.ID]) ([]DeadLetter, bool, error) {
	q := newQuery(`SELECT tenant_id, endpoint_id, event_id, reason, attempts FROM dead_letters WHERE endpoint_id = $1`, endpoint)
	turn(q, "event_id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	letters, err := collect(rows, err, scanDeadLetter)
	if err != nil {
		return nil, false, fmt.Errorf("list dead letters: %w", err)
	}
	letters, more := cut(letters, p)
	return letters, more, nil
}

// DeadLetter reads what is said of an event that is dead at the endpoint. It
// returns ErrNotFound when it is not.
func (s *Store) DeadLetter(ctx context.Context, endpoint, eventID event.ID) (*DeadLetter, error) {
	var l DeadLetter
	row := s.db.QueryRow(ctx, `
		SELECT tenant_id, endpoint_id, event_id, reason, attempts FROM dead_letters
		WHERE endpoint_id = $1 AND event_id = $2`, endpoint, eventID)
	if err := scanDeadLetter(row, &l); err != nil {
		return nil, fmt.Errorf("read dead letter: %w", interpret(err))
	}
	return &l, nil
}

func scanDeadLetter(row pgx.Row, l *DeadLetter) error {
	return row.Scan(&l.Tenant, &l.Endpoint, &l.Event, &l.Reason, &l.Attempts)
}
