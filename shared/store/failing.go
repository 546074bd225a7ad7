package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Why an endpoint is disabled, when it was not its owner who did it.
const (
	DisabledFailing = "failing" // nothing but failures for too long
	DisabledGone    = "gone"    // it answered 410
)

// failures are the columns of endpoints that fail.
type failures struct {
	endpoints, tenants []event.ID
	since              []time.Time
}

// healthOf tells what a group of attempts says of its endpoints: a success makes
// well whatever else there is in the group, since nobody knows in which order
// the calls came. Each endpoint comes once.
func healthOf(attempts []Attempt) (well []event.ID, ill failures) {
	seen := make(map[event.ID]bool, len(attempts))
	for i := range attempts {
		if a := &attempts[i]; a.Outcome == OutcomeSuccess && !seen[a.Endpoint] {
			seen[a.Endpoint] = true
			well = append(well, a.Endpoint)
		}
	}
	for i := range attempts {
		if a := &attempts[i]; a.Failing && !seen[a.Endpoint] {
			seen[a.Endpoint] = true
			ill.endpoints = append(ill.endpoints, a.Endpoint)
			ill.tenants = append(ill.tenants, a.Tenant)
			ill.since = append(ill.since, a.ID.Time())
		}
	}
	return well, ill
}

// count adds to the batch what makes account of the failures, and sets since when
// the endpoints of the attempts have been failing. Who is failing already is not
// written again; what is new is written in order, so that groups that cross
// cannot lock each other up.
func (f *failures) count(batch *pgx.Batch, attempts []Attempt) {
	batch.Queue(`
		WITH begun AS (
			INSERT INTO endpoint_failures (endpoint_id, tenant_id, since)
			SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS f (endpoint_id, tenant_id, since)
			WHERE NOT EXISTS (SELECT FROM endpoint_failures there WHERE there.endpoint_id = f.endpoint_id)
			ORDER BY endpoint_id
			ON CONFLICT DO NOTHING
		)
		SELECT endpoint_id, since FROM endpoint_failures WHERE endpoint_id = ANY ($1)`, f.endpoints, f.tenants, f.since).
		Query(func(rows pgx.Rows) error {
			var endpoint event.ID
			var since time.Time
			_, err := pgx.ForEachRow(rows, []any{&endpoint, &since}, func() error {
				for i := range attempts {
					if a := &attempts[i]; a.Failing && a.Endpoint == endpoint {
						a.FailingSince = since
					}
				}
				return nil
			})
			return err
		})
}

// DisableEndpoint stops new deliveries to an endpoint for the reason, and reports
// whether it was this call that did: it may be disabled already, or deleted.
func (s *Store) DisableEndpoint(ctx context.Context, tenant, endpoint event.ID, reason string) (disabled bool, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		var uid string
		var since *time.Time
		err := tx.QueryRow(ctx, `
			UPDATE endpoints SET disabled = true, disabled_reason = $3, disabled_at = now(), challenge = NULL, updated_at = now()
			WHERE tenant_id = $1 AND id = $2 AND NOT disabled AND deleted_at IS NULL
			RETURNING coalesce(uid, ''), (SELECT since FROM endpoint_failures f WHERE f.endpoint_id = endpoints.id)`,
			tenant, endpoint, reason).Scan(&uid, &since)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		disabled = true
		news := []endpointNews{{kind: EndpointDisabled, trigger: automatic, failSince: timeOf(since)}}
		closed, err := forgetBreaker(ctx, tx, endpoint)
		if err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, tenant, endpoint, uid, append(news, closed...)...)
	})
	if err != nil {
		return false, fmt.Errorf("disable endpoint: %w", err)
	}
	return disabled, nil
}
