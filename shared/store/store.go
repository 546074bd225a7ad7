// Package store is the system of record: every row that Postrider keeps in
// PostgreSQL and every query on it. Methods of [Store] are whole units of work;
// each either happened or did not.
package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/shared/event"
)

// pingEvery is how long one answer of the database stands for its health.
const pingEvery = time.Second

// Store is a pool of connections to one PostgreSQL database. It is safe for
// concurrent use.
type Store struct {
	pool *pgxpool.Pool

	ping struct {
		sync.Mutex
		at  time.Time
		err error
	}
}

// Open connects to the database at url (a PostgreSQL URL or keyword string) and
// returns once it answered. Connections is the size of the pool; 0 leaves it to
// the URL.
func Open(ctx context.Context, url string, connections int) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err) // pgx leaves the password out
	}
	if connections > 0 {
		config.MaxConns = int32(min(connections, 1000))
	}
	config.ConnConfig.RuntimeParams["application_name"] = "postrider"
	config.AfterConnect = registerID
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Close ends all connections, after the queries that are under way.
func (s *Store) Close() { s.pool.Close() }

// Health returns why the database cannot be used now, nil when it can. It asks
// at most once a second.
func (s *Store) Health(ctx context.Context) error {
	s.ping.Lock()
	defer s.ping.Unlock()
	if time.Since(s.ping.at) >= pingEvery {
		s.ping.err = s.pool.Ping(ctx)
		s.ping.at = time.Now()
	}
	return s.ping.err
}

// transact runs work in one transaction, which is rolled back when work fails.
func (s *Store) transact(ctx context.Context, work func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, work)
}

// nullable makes the zero id NULL.
func nullable(id event.ID) *event.ID {
	if id.IsZero() {
		return nil
	}
	return &id
}
