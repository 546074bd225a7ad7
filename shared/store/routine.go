package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Routine returns a store on the same database with connections of its own, for
// one kind of statement that is executed all day. PostgreSQL plans a statement anew
// each time while that promises a cheaper plan, which with partitions by day it
// always does; here a plan is made once for each connection. The caller closes it.
//
// For accepting events: groups of 1, 8 and 30 took 442, 70 and 28 µs of the server's
// CPU an event, and take 126, 28 and 19 so. Statements that look for rows in many
// partitions gain nothing: a plan for any values locks them all.
func (s *Store) Routine(ctx context.Context, connections int) (*Store, error) {
	config := s.pool.Config()
	config.MaxConns = int32(connections) //nolint:gosec // a handful
	config.MinConns, config.MinIdleConns = 0, 0
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return s.over(pool, pool), nil
}
