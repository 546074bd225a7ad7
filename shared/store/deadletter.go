package store

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/shared/event"
)

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	Tenant   event.ID
	Endpoint event.ID
	Event    event.ID
	Reason   string // why: an outcome of deliver
	Attempts int    // made in the last run
}

// RecordDeadLetters stores a group of dead letters. One that died again replaces
// what was said of its last death.
func (s *Store) RecordDeadLetters(ctx context.Context, letters []DeadLetter) error {
	n := len(letters)
	tenants, endpoints, events := make([]event.ID, n), make([]event.ID, n), make([]event.ID, n)
	reasons, attempts := make([]string, n), make([]int, n)
	for i, l := range letters {
		tenants[i], endpoints[i], events[i] = l.Tenant, l.Endpoint, l.Event
		reasons[i], attempts[i] = l.Reason, l.Attempts
	}
	// DISTINCT ON: one statement cannot replace the same row twice.
	_, err := s.db.Exec(ctx, `
		INSERT INTO dead_letters (tenant_id, endpoint_id, event_id, reason, attempts)
		SELECT DISTINCT ON (endpoint_id, event_id) tenant_id, endpoint_id, event_id, reason, attempts
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::integer[])
		     AS l(tenant_id, endpoint_id, event_id, reason, attempts)
		ORDER BY endpoint_id, event_id
		ON CONFLICT (endpoint_id, event_id) DO UPDATE
		SET reason = excluded.reason, attempts = excluded.attempts, died_at = now()`,
		tenants, endpoints, events, reasons, attempts)
	if err != nil {
		return fmt.Errorf("record %d dead letters: %w", n, err)
	}
	return nil
}
