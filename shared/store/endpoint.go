package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
)

// Endpoint is where a tenant wants its events delivered to, as its owner sees
// it.
type Endpoint struct {
	ID           event.ID
	Tenant       event.ID
	UID          string // the owner's own name for it, unique within the tenant; empty: none
	URL          string // without userinfo
	Description  string
	EventTypes   []string // nil: all
	Channels     []string // nil: all
	Disabled     bool
	ThrottleRate int  // deliveries a second; 0: no limit
	Ordered      bool // deliveries are to keep the order of their events

	// What a delivery that fails does to those behind it where the order is kept:
	// OrderedBlock or OrderedSkip; empty: OrderedBlock.
	OrderedPolicy string

	Verify bool // deliveries wait until it is verified

	// Read only: they change in other ways than by ChangeEndpoint.
	DisabledReason string    // empty: its owner's wish
	DisabledAt     time.Time // zero: it is enabled
	Paused         bool      // deliveries wait
	Breaker        *Breaker  // nil: it is closed
	Verification   Verification

	RetrySchedule []time.Duration // delays after failed attempts; nil: the event type's, empty: no retries
	Timeout       time.Duration   // of an attempt; 0: the installation's

	APIVersion int // 0: the first
	Metadata   map[string]string
	UpdatedAt  time.Time

	Confidential
}

// SetURL sets the URL, and puts its userinfo where it is kept. The URL must be in the
// form that package egress gives them.
func (e *Endpoint) SetURL(url string) { e.URL, e.Userinfo = cutUserinfo(url) }

// What a delivery that fails does to those behind it at an endpoint that keeps
// their order.
const (
	OrderedBlock = "block" // they wait until it succeeds or is dead
	OrderedSkip  = "skip"  // it is dead at once
)

const endpointColumns = `id, tenant_id, coalesce(uid, ''), description, event_types, channels,
	disabled, coalesce(disabled_reason, ''), disabled_at, paused, ` + itsBreaker + `, coalesce(throttle_rate, 0), ordered, ordered_policy, retry_schedule, coalesce(timeout, '0'),
	api_version, metadata, updated_at, verify, ` + verificationColumns + `, ` + confidentialColumns

const itsBreaker = `(SELECT to_jsonb(b) FROM endpoint_breakers b WHERE b.endpoint_id = endpoints.id)`

const selectEndpoint = `SELECT ` + endpointColumns + ` FROM endpoints`

const thatEndpoint = ` WHERE tenant_id = $1 AND (id = $2 OR uid = $3) AND deleted_at IS NULL`

func (s *Store) scanEndpoint(row pgx.Row, e *Endpoint) error {
	var disabledAt *time.Time
	var verification storedVerification
	var stored storedConfidential
	err := row.Scan(slices.Concat([]any{
		&e.ID, &e.Tenant, &e.UID, &e.Description, &e.EventTypes, &e.Channels,
		&e.Disabled, &e.DisabledReason, &disabledAt, &e.Paused, &e.Breaker, &e.ThrottleRate, &e.Ordered, &e.OrderedPolicy, &e.RetrySchedule, &e.Timeout,
		&e.APIVersion, &e.Metadata, &e.UpdatedAt, &e.Verify,
	}, verification.columns(), stored.columns())...)
	if err != nil {
		return err
	}
	e.DisabledAt, e.Verification = timeOf(disabledAt), verification.read()
	e.URL, e.Confidential, err = stored.open(opener{s.ring, e.Tenant, e.ID})
	return err
}

// settled is what the database makes of an endpoint that is stored.
const settled = ` RETURNING coalesce(disabled_reason, ''), disabled_at, paused, ` + itsBreaker + `, ordered_policy, updated_at, ` + verificationColumns

func (e *Endpoint) scanSettled(row pgx.Row) error {
	var disabledAt *time.Time
	var verification storedVerification
	err := row.Scan(append([]any{&e.DisabledReason, &disabledAt, &e.Paused, &e.Breaker, &e.OrderedPolicy, &e.UpdatedAt}, verification.columns()...)...)
	e.DisabledAt, e.Verification = timeOf(disabledAt), verification.read()
	return err
}

// CreateEndpoint stores a new endpoint under the id that it has, with its first
// signing key, and sets when it was updated. It returns ErrNotFound when the tenant
// does not exist and ErrConflict when the uid is taken.
func (s *Store) CreateEndpoint(ctx context.Context, e *Endpoint, key signature.Key) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		z, err := s.sealer(ctx, tx, e.Tenant, e.ID)
		if err != nil {
			return err
		}
		err = e.scanSettled(tx.QueryRow(ctx, `
			INSERT INTO endpoints (id, tenant_id, uid, url, description, event_types, channels, headers, disabled, throttle_rate,
				retry_schedule, timeout, api_version, metadata, ordered, ordered_policy, userinfo, sealed_headers, verify, disabled_at)
			SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, CASE WHEN $9 THEN now() END
			FROM tenants WHERE id = $2 AND deleted_at IS NULL`+settled, e.columns(z)...))
		if err != nil {
			return err
		}
		if err := insertSecret(ctx, tx, z, key); err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, e.Tenant, e.ID, e.UID, endpointNews{kind: EndpointCreated})
	})
	if err != nil {
		return fmt.Errorf("create endpoint: %w", interpret(err))
	}
	return nil
}

// columns are the arguments of CreateEndpoint and ChangeEndpoint.
func (e *Endpoint) columns(z sealer) []any {
	stored := e.store(z, e.URL)
	return []any{
		e.ID, e.Tenant, blank(e.UID), stored.url, e.Description, e.EventTypes, e.Channels, stored.headers,
		e.Disabled, positive(e.ThrottleRate), e.RetrySchedule, positive(e.Timeout), max(e.APIVersion, 1), object(e.Metadata), e.Ordered, cmp.Or(e.OrderedPolicy, OrderedBlock),
		stored.userinfo, stored.sealed, e.Verify,
	}
}

// Endpoint reads an endpoint of the tenant. It returns ErrNotFound.
func (s *Store) Endpoint(ctx context.Context, tenant event.ID, ref Ref) (*Endpoint, error) {
	var e Endpoint
	id, uid := ref.args()
	if err := s.scanEndpoint(s.db.QueryRow(ctx, selectEndpoint+thatEndpoint, tenant, id, uid), &e); err != nil {
		return nil, fmt.Errorf("read endpoint: %w", interpret(err))
	}
	return &e, nil
}

// Endpoints lists the endpoints of a tenant by id, and tells whether there are
// more.
func (s *Store) Endpoints(ctx context.Context, tenant event.ID, p Page[event.ID]) ([]Endpoint, bool, error) {
	q := newQuery(selectEndpoint+` WHERE tenant_id = $1 AND deleted_at IS NULL`, tenant)
	turn(q, "id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	endpoints, err := collect(rows, err, s.scanEndpoint)
	if err != nil {
		return nil, false, fmt.Errorf("list endpoints: %w", err)
	}
	endpoints, more := cut(endpoints, p)
	return endpoints, more, nil
}

// ChangeEndpoint lets change edit an endpoint, stores it and returns it. Nobody
// else changes the endpoint meanwhile. One that is enabled again has failed never
// yet, the breaker of one that has another URL is closed, and one at another host is
// not verified. An error of change is returned and leaves the endpoint as it was.
// Else it returns ErrNotFound, or ErrConflict when the uid is taken.
func (s *Store) ChangeEndpoint(ctx context.Context, tenant event.ID, ref Ref, change func(*Endpoint) error) (*Endpoint, error) {
	var e Endpoint
	err := s.transact(ctx, func(tx pgx.Tx) error {
		id, uid := ref.args()
		if err := s.scanEndpoint(tx.QueryRow(ctx, selectEndpoint+thatEndpoint+` FOR UPDATE`, tenant, id, uid), &e); err != nil {
			return err
		}
		before := e
		if err := change(&e); err != nil {
			return err
		}
		news, err := forgetPast(ctx, tx, &before, &e)
		if err != nil {
			return err
		}
		z, err := s.sealer(ctx, tx, e.Tenant, e.ID)
		if err != nil {
			return err
		}
		err = e.scanSettled(tx.QueryRow(ctx, `
			UPDATE endpoints SET uid = $3, url = $4, description = $5, event_types = $6, channels = $7, headers = $8,
				disabled = $9, throttle_rate = $10, retry_schedule = $11, timeout = $12, api_version = $13, metadata = $14, ordered = $15, ordered_policy = $16, userinfo = $17, sealed_headers = $18, verify = $19, updated_at = now(),
				disabled_reason = CASE WHEN $9 THEN disabled_reason END, disabled_at = CASE WHEN $9 THEN coalesce(disabled_at, now()) END,
				challenge = CASE WHEN NOT $9 THEN challenge END
			WHERE id = $1 AND tenant_id = $2`+settled, e.columns(z)...))
		if err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, e.Tenant, e.ID, e.UID, news...)
	})
	if err != nil {
		return nil, fmt.Errorf("change endpoint: %w", interpret(err))
	}
	return &e, nil
}

// forgetPast removes what is known of an endpoint and no longer true once it is
// changed, and returns what there is to tell of the change.
func forgetPast(ctx context.Context, tx pgx.Tx, before, after *Endpoint) ([]endpointNews, error) {
	news := newsOfChange(before.Disabled, after.Disabled)
	if before.Disabled && !after.Disabled {
		if _, err := tx.Exec(ctx, `DELETE FROM endpoint_failures WHERE endpoint_id = $1`, after.ID); err != nil {
			return nil, err
		}
	}
	if !SameHost(before.URL, after.URL) {
		if err := forgetVerification(ctx, tx, after.ID); err != nil {
			return nil, err
		}
	}
	if before.Disabled == after.Disabled && before.URL == after.URL && before.Userinfo.Equal(after.Userinfo) {
		return news, nil
	}
	closed, err := forgetBreaker(ctx, tx, after.ID)
	return append(news, closed...), err
}

// PauseEndpoint makes deliveries to an endpoint wait, or go on, and returns it.
// It returns ErrNotFound.
func (s *Store) PauseEndpoint(ctx context.Context, tenant event.ID, ref Ref, paused bool) (*Endpoint, error) {
	var e Endpoint
	err := s.transact(ctx, func(tx pgx.Tx) error {
		id, uid := ref.args()
		row := tx.QueryRow(ctx, `UPDATE endpoints SET paused = $4, updated_at = now()`+thatEndpoint+` RETURNING `+endpointColumns, tenant, id, uid, paused)
		if err := s.scanEndpoint(row, &e); err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, e.Tenant, e.ID, e.UID, endpointNews{kind: EndpointUpdated})
	})
	if err != nil {
		return nil, fmt.Errorf("pause endpoint: %w", interpret(err))
	}
	return &e, nil
}

// DeleteEndpoint takes an endpoint away from its owner's sight, stops deliveries to
// it and forgets its secrets. It returns ErrNotFound.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant event.ID, ref Ref) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		var e Endpoint
		id, uid := ref.args()
		err := tx.QueryRow(ctx, `
			UPDATE endpoints SET deleted_at = now(), headers = '{}', sealed_headers = NULL, userinfo = NULL, url = `+bareURL+thatEndpoint+` RETURNING id, coalesce(uid, '')`, tenant, id, uid).
			Scan(&e.ID, &e.UID)
		if err != nil {
			return err
		}
		if _, err := forgetBreaker(ctx, tx, e.ID); err != nil { // that it is deleted says all
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM endpoint_secrets WHERE endpoint_id = $1`, e.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM endpoint_credentials WHERE endpoint_id = $1`, e.ID); err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, tenant, e.ID, e.UID, endpointNews{kind: EndpointDeleted})
	})
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", interpret(err))
	}
	return nil
}
