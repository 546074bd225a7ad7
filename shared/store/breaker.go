package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Breaker is the open circuit breaker of an endpoint: nothing is sent there but a
// probe now and then. What is not in the database is closed.
type Breaker struct {
	OpenedAt     time.Time `json:"opened_at"`
	NextProbeAt  time.Time `json:"next_probe_at"` // past: a probe is under way or about to be
	FailedProbes int       `json:"failed_probes"`
}

// OpenBreaker records that the breaker of an endpoint opened, and tells all who
// know its tenant. Where it is open already the later opening counts, and there is
// no other notice. It changes nothing when the endpoint is disabled or gone.
func (s *Store) OpenBreaker(ctx context.Context, tenant, endpoint event.ID, at, nextProbe time.Time) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		uid, active, err := lockEndpoint(ctx, tx, tenant, endpoint)
		if err != nil || !active {
			return err
		}
		var before bool
		err = tx.QueryRow(ctx, `
			WITH before AS (SELECT opened_at FROM endpoint_breakers WHERE endpoint_id = $1)
			INSERT INTO endpoint_breakers AS b (endpoint_id, tenant_id, opened_at, next_probe_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (endpoint_id) DO UPDATE SET opened_at = $3, next_probe_at = $4, failed_probes = 0 WHERE b.opened_at < $3
			RETURNING EXISTS (SELECT FROM before)`, endpoint, tenant, at, nextProbe).Scan(&before)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // this opening is known, or a later one
		}
		if err != nil || before {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, tenant, endpoint, uid, endpointNews{kind: CircuitOpened, openSince: at})
	})
	if err != nil {
		return fmt.Errorf("open breaker: %w", err)
	}
	return nil
}

// BreakerProbeFailed records when the next probe of an endpoint is due, and how
// many have failed since its breaker opened. Nobody is told: only who opens its
// lane next wants to know. It changes nothing when the breaker is closed.
func (s *Store) BreakerProbeFailed(ctx context.Context, endpoint event.ID, nextProbe time.Time, failedProbes int) error {
	_, err := s.db.Exec(ctx, `UPDATE endpoint_breakers SET next_probe_at = $2, failed_probes = $3 WHERE endpoint_id = $1`,
		endpoint, nextProbe, failedProbes)
	if err != nil {
		return fmt.Errorf("record failed probe: %w", err)
	}
	return nil
}

// CloseBreaker records that the breaker of an endpoint closed, and tells all who
// know its tenant. It changes nothing when it is closed already.
func (s *Store) CloseBreaker(ctx context.Context, tenant, endpoint event.ID) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		uid, active, err := lockEndpoint(ctx, tx, tenant, endpoint)
		if err != nil || !active {
			return err
		}
		news, err := forgetBreaker(ctx, tx, endpoint)
		if err != nil || news == nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, tenant, endpoint, uid, news...)
	})
	if err != nil {
		return fmt.Errorf("close breaker: %w", err)
	}
	return nil
}

// OpenBreakers counts the endpoints whose circuit breaker is open.
func (s *Store) OpenBreakers(ctx context.Context) (n int, err error) {
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM endpoint_breakers`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count open breakers: %w", err)
	}
	return n, nil
}

// Broken is an endpoint whose circuit breaker is open.
type Broken struct {
	Breaker

	Tenant   event.ID
	Endpoint event.ID
	URL      string // without userinfo
}

// BrokenEndpoints lists the endpoints of a tenant, or of all when it is zero, whose
// circuit breaker is open, by id, and tells whether there are more.
func (s *Store) BrokenEndpoints(ctx context.Context, tenant event.ID, p Page[event.ID]) ([]Broken, bool, error) {
	q := newQuery(`
		SELECT b.opened_at, b.next_probe_at, b.failed_probes, b.tenant_id, b.endpoint_id, e.url
		FROM endpoint_breakers b JOIN endpoints e ON e.id = b.endpoint_id AND e.deleted_at IS NULL WHERE true`)
	if !tenant.IsZero() {
		q.and(`b.tenant_id = %s`, tenant)
	}
	turn(q, "b.endpoint_id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	broken, err := collect(rows, err, func(row pgx.Row, b *Broken) error {
		err := row.Scan(&b.OpenedAt, &b.NextProbeAt, &b.FailedProbes, &b.Tenant, &b.Endpoint, &b.URL)
		b.URL, _ = cutUserinfo(b.URL) // which is in it where secrets are stored as they are
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list open breakers: %w", err)
	}
	broken, more := cut(broken, p)
	return broken, more, nil
}

// lockEndpoint keeps an endpoint from being changed, disabled or deleted until the
// transaction ends, and tells whether it is active, which is neither of the last
// two. An endpoint is always locked before its breaker, and its tenant last.
func lockEndpoint(ctx context.Context, tx pgx.Tx, tenant, endpoint event.ID) (uid string, active bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT coalesce(uid, '') FROM endpoints WHERE tenant_id = $1 AND id = $2 AND NOT disabled AND deleted_at IS NULL
		FOR NO KEY UPDATE`, tenant, endpoint).Scan(&uid)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return uid, err == nil, err
}

// forgetBreaker removes the breaker of an endpoint, and returns what there is to
// tell of that: nothing when there was none.
func forgetBreaker(ctx context.Context, tx pgx.Tx, endpoint event.ID) ([]endpointNews, error) {
	var since time.Time
	err := tx.QueryRow(ctx, `DELETE FROM endpoint_breakers WHERE endpoint_id = $1 RETURNING opened_at`, endpoint).Scan(&since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []endpointNews{{kind: CircuitClosed, openSince: since}}, nil
}
