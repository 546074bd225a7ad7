package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/shared/event"
)

// The fence is the second thing that keeps tenants apart. The first are the queries,
// each of which says whose rows it means. The second is the database: the role of the
// API sees and changes only rows of the tenant that its connection serves at the
// moment, whatever a query says; none, before it is said.

// sightSetting is the setting of a connection that says whose rows it sees: those of
// the tenant of that id, everybody's, or nobody's while it is empty.
const (
	sightSetting = "postrider.tenant"
	everybodys   = "all"
)

// sightOf is the setting as policies read it: once a query, and not for each row.
const (
	sightOf = `(SELECT nullif(nullif(current_setting('` + sightSetting + `', true), '` + everybodys + `'), '')::uuid)`
	seesAll = `(SELECT current_setting('` + sightSetting + `', true) = '` + everybodys + `')`

	// Names of policies. They are made once: when a text changes, a migration drops
	// those that have the old one.
	ofTenant = "postrider_tenant"
	ofAll    = "postrider_all"
)

// fenceOff makes the table's policies, where they are not there: for the API, rows of
// the tenant that it serves; for all others, as their rights say.
func (s *Store) fenceOff(ctx context.Context, table, column, prefix string) error {
	if column == "" {
		return nil
	}
	its := column + ` = ` + sightOf
	if column == "tenant_ids" {
		its = sightOf + ` = ANY (` + column + `)`
	}
	var others []string
	for _, name := range Roles(prefix) {
		if name != prefix+"api" {
			others = append(others, name)
		}
	}
	for _, policy := range []struct {
		name, condition string
		roles           []string
	}{
		{ofTenant, its + ` OR ` + seesAll, []string{prefix + "api"}},
		{ofAll, `true`, others},
	} {
		if err := s.ensurePolicy(ctx, table, policy.name, policy.condition, policy.roles); err != nil {
			return err
		}
	}
	return s.inTurnUnless(ctx, `SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass($1::text)`, []any{table},
		`ALTER TABLE `+table+` ENABLE ROW LEVEL SECURITY`)
}

// ensurePolicy makes a policy for those roles that it is not for yet. There may be
// roles of more than one prefix.
func (s *Store) ensurePolicy(ctx context.Context, table, name, condition string, roles []string) error {
	name += "_" + roles[0]
	return s.inTurnUnless(ctx, `SELECT EXISTS (SELECT FROM pg_policy WHERE polrelid = to_regclass($1::text) AND polname = $2)`, []any{table, name},
		`CREATE POLICY `+pgx.Identifier{name}.Sanitize()+` ON `+table+` TO `+joined(roles)+` USING (`+condition+`)`)
}

// inTurnUnless executes a statement that locks a table for everybody, for a moment,
// unless the question says that it is done.
func (s *Store) inTurnUnless(ctx context.Context, question string, args []any, statement string) error {
	var done bool
	if err := s.db.QueryRow(ctx, question, args...).Scan(&done); err != nil || done {
		return err
	}
	return s.transact(ctx, func(tx pgx.Tx) error { return changeTables(ctx, tx, statement) })
}

// Fenced returns a store on the same database as another role, behind the fence:
// it sees nothing before ForTenant or ForAll. Otherwise it is as Bounded says. The
// caller closes it.
func (s *Store) Fenced(ctx context.Context, url string, statement time.Duration) (*Store, error) {
	connections := int(s.pool.Config().MaxConns)
	config, err := poolConfig(url, connections)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["statement_timeout"] = milliseconds(statement)
	config.PrepareConn = setSight
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	fenced := s.over(pool, pool)
	fenced.fenced = true
	return fenced, nil
}

// ForTenant returns the store as it serves one tenant: behind the fence it sees
// nothing else. On a lent store it counts from now on for the whole transaction.
// Without a fence it changes nothing and costs nothing.
func (s *Store) ForTenant(ctx context.Context, tenant event.ID) (*Store, error) {
	return s.seeing(ctx, uuidText(tenant))
}

// ForAll is ForTenant for what is about more than one tenant, or not known to be
// about which.
func (s *Store) ForAll(ctx context.Context) (*Store, error) { return s.seeing(ctx, everybodys) }

func (s *Store) seeing(ctx context.Context, sight string) (*Store, error) {
	if !s.fenced {
		return s, nil
	}
	switch s.db.(type) {
	case *pgxpool.Pool, *sighted:
		return s.over(s.pool, &sighted{s.pool, sight}), nil
	}
	if _, err := s.db.Exec(ctx, `SELECT set_config('`+sightSetting+`', $1, true)`, sight); err != nil {
		return nil, fmt.Errorf("say whose rows are meant: %w", err)
	}
	return s, nil
}

// openly has a part of a transaction that serves one tenant see what is everybody's:
// notices are about a tenant, and are those of another.
func (s *Store) openly(ctx context.Context, work func() error) error {
	if !s.fenced {
		return work()
	}
	var before string
	if err := s.db.QueryRow(ctx, `SELECT coalesce(current_setting('`+sightSetting+`', true), '')`).Scan(&before); err != nil {
		return fmt.Errorf("read whose rows are meant: %w", err)
	}
	if _, err := s.ForAll(ctx); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err // the transaction ends, or this part of it does
	}
	_, err := s.seeing(ctx, before)
	return err
}

// sighted is a pool whose connections see what they are to see.
type sighted struct {
	pool  *pgxpool.Pool
	sight string
}

type sightKey struct{}

// mark tells setSight, which the pool calls with the same context.
func (p *sighted) mark(ctx context.Context) context.Context {
	return context.WithValue(ctx, sightKey{}, p.sight)
}

func (p *sighted) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return p.pool.Exec(p.mark(ctx), sql, args...)
}

func (p *sighted) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.pool.Query(p.mark(ctx), sql, args...)
}

func (p *sighted) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.pool.QueryRow(p.mark(ctx), sql, args...)
}

func (p *sighted) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	return p.pool.SendBatch(p.mark(ctx), batch)
}

func (p *sighted) Begin(ctx context.Context) (pgx.Tx, error) { return p.pool.Begin(p.mark(ctx)) }

// setSight has a connection see what whoever takes it out of the pool is to see. It
// costs a round trip where that is not what it saw last.
func setSight(ctx context.Context, conn *pgx.Conn) (ok bool, err error) {
	want, _ := ctx.Value(sightKey{}).(string)
	known := conn.PgConn().CustomData()
	if have, _ := known[sightSetting].(string); have == want {
		return true, nil
	}
	_, err = conn.Exec(ctx, `SELECT set_config('`+sightSetting+`', $1, false)`, want)
	switch {
	case err == nil:
		known[sightSetting] = want
		return true, nil
	case ctx.Err() != nil:
		return false, errors.Join(err, context.Cause(ctx))
	default:
		return false, nil // it is stale; the next one may not be
	}
}
