package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Span is a part of the order of acceptance, with bounds on the ids in it, which
// have an order of their own.
type Span struct {
	After, Before event.Place // neither is in it
	Since, Until  time.Time   // of the ids that are looked at
}

// unfinishedSQL is about events that all keep their order: those for one endpoint
// alone and those for later have none. An event that is older than the endpoint
// was never sent there, whatever it asks for.
const unfinishedSQL = `
SELECT e.tx, e.id FROM events e JOIN endpoints p ON p.tenant_id = e.tenant_id AND p.id = $2
WHERE e.tenant_id = $1 AND e.id >= $3 AND e.id < $4 AND e.id > p.id
	AND (e.tx, e.id) > ($5::xid8, $6::uuid) AND (e.tx, e.id) < ($7::xid8, $8::uuid)
	AND e.endpoint_id IS NULL AND e.deliver_at IS NULL AND ` + wants + `
	AND NOT EXISTS (SELECT FROM attempts a WHERE a.endpoint_id = p.id AND a.event_id = e.id AND a.id >= $9
		AND a.run_id IS NULL AND a.next_at IS NULL)
	AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.endpoint_id = p.id AND d.event_id = e.id)
ORDER BY e.tx, e.id LIMIT $10`

// Unfinished lists events of the span that the endpoint wants and that are not done
// with: there is neither a last attempt nor a dead letter. They are on their way to
// it, or it did not want them when they were accepted. It lists the first of them,
// at most limit.
func (s *Store) Unfinished(ctx context.Context, tenant, endpoint event.ID, span Span, limit int) ([]event.Place, error) {
	rows, err := s.db.Query(ctx, unfinishedSQL, tenant, endpoint, event.FloorID(span.Since), event.FloorID(span.Until),
		span.After.Tx, span.After.Event, span.Before.Tx, span.Before.Event, event.FloorID(span.Since.Add(-clockSkew)), limit)
	places, err := collect(rows, err, func(row pgx.Row, p *event.Place) error { return row.Scan(&p.Tx, &p.Event) })
	if err != nil {
		return nil, fmt.Errorf("find unfinished events: %w", err)
	}
	return places, nil
}

// Leg is a delivery to an endpoint: an event in one of its runs.
type Leg struct {
	Event event.ID
	Run   event.ID // zero: caused by the event itself
}

// NewestAttempts finds the newest attempt of each leg of the events to the
// endpoint. Of each attempt it reads what MadeAttempt does.
func (s *Store) NewestAttempts(ctx context.Context, tenant, endpoint event.ID, events []event.ID) (map[Leg]Attempt, error) {
	if len(events) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	oldest := events[0].Time()
	for _, id := range events {
		if t := id.Time(); t.Before(oldest) {
			oldest = t
		}
	}
	rows, err := s.db.Query(ctx, `
		SELECT DISTINCT ON (event_id, run_id) event_id, run_id, id, attempt, outcome, next_at FROM attempts
		WHERE endpoint_id = $1 AND event_id = ANY ($2) AND id >= $3 ORDER BY event_id, run_id, id DESC`,
		endpoint, events, event.FloorID(oldest.Add(-clockSkew)))
	if err != nil {
		return nil, fmt.Errorf("find newest attempts: %w", err)
	}
	newest := make(map[Leg]Attempt)
	a := Attempt{Tenant: tenant, Endpoint: endpoint}
	var run *event.ID
	var next *time.Time
	_, err = pgx.ForEachRow(rows, []any{&a.Event, &run, &a.ID, &a.Number, &a.Outcome, &next}, func() error {
		a.Run, a.NextAt = event.ID{}, timeOf(next)
		if run != nil {
			a.Run = *run
		}
		newest[Leg{a.Event, a.Run}] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find newest attempts: %w", err)
	}
	return newest, nil
}
