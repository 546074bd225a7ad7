package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Tenant is whom events and endpoints belong to; to users, an application.
type Tenant struct {
	ID           event.ID
	UID          string // the owner's own name for it; empty: none
	Name         string
	ThrottleRate int  // deliveries a second; 0: no limit
	Weight       int  // of its turns among all tenants; 0: 1
	Paused       bool // deliveries to all of its endpoints wait; changes by PauseTenant only

	RetrySchedule []time.Duration // delays after failed attempts; nil: the installation's, empty: no retries

	Metadata  map[string]string
	UpdatedAt time.Time
}

const tenantColumns = `id, coalesce(uid, ''), name, coalesce(throttle_rate, 0), weight, paused, retry_schedule, metadata, updated_at`

const selectTenant = `SELECT ` + tenantColumns + ` FROM tenants`

const thatTenant = ` WHERE (id = $1 OR uid = $2) AND deleted_at IS NULL`

func scanTenant(row pgx.Row, t *Tenant) error {
	return row.Scan(&t.ID, &t.UID, &t.Name, &t.ThrottleRate, &t.Weight, &t.Paused, &t.RetrySchedule, &t.Metadata, &t.UpdatedAt)
}

// columns are the arguments of CreateTenant and ChangeTenant.
func (t *Tenant) columns() []any {
	return []any{t.ID, blank(t.UID), t.Name, positive(t.ThrottleRate), max(t.Weight, 1), t.RetrySchedule, object(t.Metadata)}
}

// CreateTenant stores a new tenant under the id that it has, and sets when it
// was updated. It returns ErrConflict when the uid is taken, which ends no
// transaction.
func (s *Store) CreateTenant(ctx context.Context, t *Tenant) error {
	err := s.db.QueryRow(ctx, `
		INSERT INTO tenants (id, uid, name, throttle_rate, weight, retry_schedule, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (uid) WHERE deleted_at IS NULL DO NOTHING RETURNING weight, updated_at`,
		t.columns()...).Scan(&t.Weight, &t.UpdatedAt)
	err = interpret(err)
	if errors.Is(err, ErrNotFound) {
		err = ErrConflict // not inserted
	}
	if err != nil {
		return fmt.Errorf("create tenant: %w", err)
	}
	return nil
}

// Tenant reads a tenant. It returns ErrNotFound.
func (s *Store) Tenant(ctx context.Context, ref Ref) (*Tenant, error) {
	var t Tenant
	id, uid := ref.args()
	row := s.db.QueryRow(ctx, selectTenant+thatTenant, id, uid)
	if err := scanTenant(row, &t); err != nil {
		return nil, fmt.Errorf("read tenant: %w", interpret(err))
	}
	return &t, nil
}

// TenantByUID finds the id of the tenant that has the uid now. It returns
// ErrNotFound.
func (s *Store) TenantByUID(ctx context.Context, uid string) (event.ID, error) {
	var id event.ID
	err := s.db.QueryRow(ctx, `SELECT id FROM tenants WHERE uid = $1 AND deleted_at IS NULL`, uid).Scan(&id)
	if err != nil {
		return id, fmt.Errorf("find tenant: %w", interpret(err))
	}
	return id, nil
}

// Tenants lists tenants by id, all but SystemTenant, and tells whether there are more.
// With a search only those in whose name or uid it is, in capitals or not; that looks at
// all of them, until there are enough.
func (s *Store) Tenants(ctx context.Context, search string, p Page[event.ID]) ([]Tenant, bool, error) {
	q := newQuery(selectTenant+` WHERE deleted_at IS NULL AND id <> $1`, SystemTenant)
	if search != "" {
		q.and(`position(lower(%s) IN lower(concat_ws(E'\n', name, uid))) > 0`, search)
	}
	turn(q, "id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	tenants, err := collect(rows, err, scanTenant)
	if err != nil {
		return nil, false, fmt.Errorf("list tenants: %w", err)
	}
	tenants, more := cut(tenants, p)
	return tenants, more, nil
}

// ChangeTenant lets change edit a tenant, stores it and returns it. Nobody else
// changes the tenant meanwhile. An error of change is returned as it is and
// leaves the tenant as it was. Else it returns ErrNotFound, or ErrConflict when
// the uid is taken.
func (s *Store) ChangeTenant(ctx context.Context, ref Ref, change func(*Tenant) error) (*Tenant, error) {
	var t Tenant
	err := s.transact(ctx, func(tx pgx.Tx) error {
		id, uid := ref.args()
		row := tx.QueryRow(ctx, selectTenant+thatTenant+` FOR UPDATE`, id, uid)
		if err := scanTenant(row, &t); err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			UPDATE tenants SET uid = $2, name = $3, throttle_rate = $4, weight = $5, retry_schedule = $6, metadata = $7, updated_at = now()
			WHERE id = $1 RETURNING weight, paused, updated_at`, t.columns()...).Scan(&t.Weight, &t.Paused, &t.UpdatedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("change tenant: %w", interpret(err))
	}
	return &t, nil
}

// PauseTenant makes deliveries to all endpoints of a tenant wait, or go on, and
// returns it. It returns ErrNotFound.
func (s *Store) PauseTenant(ctx context.Context, ref Ref, paused bool) (*Tenant, error) {
	var t Tenant
	id, uid := ref.args()
	row := s.db.QueryRow(ctx, `UPDATE tenants SET paused = $3, updated_at = now()`+thatTenant+` RETURNING `+tenantColumns, id, uid, paused)
	if err := scanTenant(row, &t); err != nil {
		return nil, fmt.Errorf("pause tenant: %w", interpret(err))
	}
	return &t, nil
}

// DeleteTenant takes a tenant away from its owner's sight and stops accepting
// and delivering its events. Its rows stay until their days are dropped. It
// returns ErrNotFound.
func (s *Store) DeleteTenant(ctx context.Context, ref Ref) error {
	id, uid := ref.args()
	tag, err := s.db.Exec(ctx, `UPDATE tenants SET deleted_at = now()`+thatTenant, id, uid)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete tenant: %w", err)
	}
	return nil
}

// object makes no map an empty one: its column is not NULL.
func object(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
