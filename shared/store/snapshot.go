package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Target is an endpoint as fanout and deliver need it.
type Target struct {
	ID         event.ID
	URL        string   // without userinfo
	EventTypes []string // nil: all
	Channels   []string // nil: all
	Disabled   bool
	Paused     bool // itself or its tenant, or it is not verified and has to be
	Ordered    bool

	OrderedPolicy string   // OrderedBlock or OrderedSkip
	ThrottleRate  int      // deliveries a second; 0: no limit
	Breaker       *Breaker // nil: it is closed
	Challenge     event.ID // the event that asks it now whether it wants others; zero: none does

	RetrySchedule []time.Duration // nil: the event type's, empty: no retries
	Timeout       time.Duration   // of an attempt; 0: the installation's

	Sealed Sealed // what it is called with
}

// Snapshot is a tenant with all its endpoints as of one version.
type Snapshot struct {
	Tenant  event.ID
	Version int64
	Weight  int  // of its turns among all tenants
	Paused  bool // and so are all of its endpoints

	ThrottleRate  int             // deliveries a second, to all endpoints together; 0: no limit
	RetrySchedule []time.Duration // nil: the installation's, empty: no retries

	Targets []Target
}

// Snapshot reads a tenant and its endpoints, all as of the same moment. It
// returns ErrNotFound when the tenant does not exist, or no more.
func (s *Store) Snapshot(ctx context.Context, tenant event.ID) (*Snapshot, error) {
	snap := Snapshot{Tenant: tenant}
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, read, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT version, weight, paused, coalesce(throttle_rate, 0), retry_schedule FROM tenants WHERE id = $1 AND deleted_at IS NULL`, tenant).
			Scan(&snap.Version, &snap.Weight, &snap.Paused, &snap.ThrottleRate, &snap.RetrySchedule)
		if err != nil {
			return interpret(err)
		}
		rows, err := tx.Query(ctx, `
			SELECT e.id, e.event_types, e.channels, e.disabled, e.paused OR $2 OR `+mustAnswer+`, e.ordered, e.ordered_policy,
				coalesce(e.throttle_rate, 0), e.retry_schedule, coalesce(e.timeout, '0'), to_jsonb(b), e.challenge,
				`+confidentialColumns+`, `+credentialColumns+`,
				array_agg(k.secret ORDER BY k.expires_at DESC NULLS FIRST),
				array_agg(k.expires_at ORDER BY k.expires_at DESC NULLS FIRST)
			FROM endpoints e JOIN endpoint_secrets k ON k.endpoint_id = e.id
				LEFT JOIN endpoint_breakers b ON b.endpoint_id = e.id
				LEFT JOIN endpoint_credentials c ON c.endpoint_id = e.id
			WHERE e.tenant_id = $1 AND e.deleted_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
			GROUP BY e.id, b, c.endpoint_id ORDER BY e.id`, tenant, snap.Paused)
		if err != nil {
			return err
		}
		snap.Targets, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Target, error) {
			return scanTarget(row, opener{ring: s.ring, tenant: tenant})
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read tenant: %w", err)
	}
	return &snap, nil
}

func scanTarget(row pgx.CollectableRow, o opener) (Target, error) {
	t := Target{Sealed: Sealed{opener: o}}
	var ends []*time.Time
	var challenge *event.ID
	err := row.Scan(slices.Concat(
		[]any{
			&t.ID, &t.EventTypes, &t.Channels, &t.Disabled, &t.Paused, &t.Ordered, &t.OrderedPolicy,
			&t.ThrottleRate, &t.RetrySchedule, &t.Timeout, &t.Breaker, &challenge,
		},
		t.Sealed.stored.columns(), t.Sealed.credentials.columns(), []any{&t.Sealed.keys, &ends})...)
	if challenge != nil {
		t.Challenge = *challenge
	}
	t.Sealed.opener.endpoint = t.ID
	t.URL, _ = cutUserinfo(t.Sealed.stored.url)
	for _, end := range ends {
		t.Sealed.ends = append(t.Sealed.ends, timeOf(end))
	}
	return t, err
}
