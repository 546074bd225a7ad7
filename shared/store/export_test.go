package store

import (
	"context"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/shared/event"
)

// OldestProgram is what the migrations say of themselves.
func OldestProgram(files fs.FS) (int64, error) { return oldestProgram(files) }

// DeadLettersAt lists the events that are dead at an endpoint, in order.
func (s *Store) DeadLettersAt(ctx context.Context, endpoint event.ID) ([]event.ID, error) {
	rows, err := s.db.Query(ctx, `SELECT event_id FROM dead_letters WHERE endpoint_id = $1 ORDER BY event_id`, endpoint)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[event.ID])
}

// Trace makes the store tell the tracer of every query.
func (s *Store) Trace(ctx context.Context, tracer pgx.QueryTracer) error {
	config := s.pool.Config()
	config.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	s.pool.Close()
	s.pool, s.db = pool, pool
	return nil
}

// Explain returns how the database would do a query with these arguments.
func (s *Store) Explain(ctx context.Context, sql string, args []any) ([]string, error) {
	rows, err := s.db.Query(ctx, `EXPLAIN (COSTS OFF) `+sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Waiting counts the statements that wait for a lock in the store's database.
func (s *Store) Waiting(ctx context.Context) (n int, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
	return n, err
}

// GrantedTables are those that there are rights to.
func GrantedTables() (tables []string) {
	for _, g := range grants {
		tables = append(tables, g.table)
	}
	return tables
}

// FencedTables are those whose rows belong to tenants.
func FencedTables() (tables []string) {
	for _, g := range grants {
		if g.tenant != "" {
			tables = append(tables, g.table)
		}
	}
	return tables
}
