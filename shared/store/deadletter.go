package store

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	Tenant   event.ID
	Endpoint event.ID
	Event    event.ID
	Type     string    // of the event
	Reason   string    // why: an outcome of deliver
	Attempts int       // made in the last run; 0: it was not even tried
	DiedAt   time.Time // by the database's clock

	// Run is the one that was given up, zero: what the event itself caused.
	// Deferrals is how often its attempt was put off. Neither is read back.
	Run       event.ID
	Deferrals int
}

// letterOrder is the order in which dead letters d are locked, whoever does it.
// A task walks over them in this order too.
const letterOrder = `d.tenant_id, d.event_id, d.endpoint_id`

// RecordDeadLetters stores a group of dead letters. One that died again replaces
// what was said of its last death; how often it was put off only grows. One that
// somebody has taken away stays away, when word of its death comes once more.
func (s *Store) RecordDeadLetters(ctx context.Context, letters []DeadLetter) error {
	n := len(letters)
	tenants, endpoints, events := make([]event.ID, n), make([]event.ID, n), make([]event.ID, n)
	types, reasons, attempts := make([]string, n), make([]string, n), make([]int, n)
	runs, deferrals := make([]*event.ID, n), make([]int, n)
	for i, l := range letters {
		tenants[i], endpoints[i], events[i] = l.Tenant, l.Endpoint, l.Event
		types[i], reasons[i], attempts[i] = l.Type, l.Reason, l.Attempts
		runs[i], deferrals[i] = nullable(l.Run), l.Deferrals
	}
	// DISTINCT ON: one statement cannot replace the same row twice.
	_, err := s.db.Exec(ctx, `
		INSERT INTO dead_letters (tenant_id, endpoint_id, event_id, event_type, reason, attempts, run_id, deferrals)
		SELECT DISTINCT ON (`+letterOrder+`) tenant_id, endpoint_id, event_id, event_type, reason, attempts, run_id, deferrals
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::uuid[], $8::integer[])
		     AS d(tenant_id, endpoint_id, event_id, event_type, reason, attempts, run_id, deferrals)
		WHERE NOT EXISTS (SELECT FROM letters_taken l WHERE l.endpoint_id = d.endpoint_id AND l.event_id = d.event_id
			AND l.run_id IS NOT DISTINCT FROM d.run_id AND l.attempts = d.attempts AND l.deferrals = d.deferrals)
		ORDER BY `+letterOrder+`
		ON CONFLICT (endpoint_id, event_id) DO UPDATE
		SET reason = excluded.reason, attempts = excluded.attempts, died_at = now(), run_id = excluded.run_id,
			deferrals = greatest(dead_letters.deferrals, excluded.deferrals)`,
		tenants, endpoints, events, types, reasons, attempts, runs, deferrals)
	if err != nil {
		return fmt.Errorf("record %d dead letters: %w", n, err)
	}
	return nil
}

// PurgeDeadLetter forgets one dead letter. It returns ErrNotFound.
func (s *Store) PurgeDeadLetter(ctx context.Context, endpoint, eventID event.ID) error {
	tag, err := s.db.Exec(ctx, `
		WITH gone AS (DELETE FROM dead_letters WHERE endpoint_id = $1 AND event_id = $2 RETURNING *)`+fmt.Sprintf(rememberSQL, "NULL"), endpoint, eventID)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("purge dead letter: %w", err)
	}
	return nil
}

// manyLetters is up to where EstimateDeadLetters counts.
const manyLetters = 100_000

// EstimateDeadLetters returns how many there are of all tenants: counted if there are
// few, and beyond 100,000 as PostgreSQL has estimated when it last looked at the table.
func (s *Store) EstimateDeadLetters(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRow(ctx, `
		WITH counted AS (SELECT count(*) AS n FROM (SELECT FROM dead_letters LIMIT $1) AS letters)
		SELECT CASE WHEN n < $1 THEN n ELSE greatest(n, (SELECT reltuples FROM pg_class WHERE oid = 'dead_letters'::regclass)::bigint) END
		FROM counted`, manyLetters).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}
