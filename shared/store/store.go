// Package store is the system of record: every row that Postrider keeps in
// PostgreSQL and every query on it. Methods of [Store] are whole units of work;
// each either happened or did not.
package store

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/shared/event"
)

// pingEvery is how long one answer of the database stands for its health.
const pingEvery = time.Second

// Store is a pool of connections to one PostgreSQL database. It is safe for
// concurrent use, but for one that [Store.Within] lends.
type Store struct {
	pool *pgxpool.Pool
	db   querier // the pool, or the transaction that everything is part of

	pageBudget int // rows that a page of what happened may look at

	ping struct {
		sync.Mutex
		at  time.Time
		err error
	}
}

// querier is a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
	Begin(ctx context.Context) (pgx.Tx, error)
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
	return &Store{pool: pool, db: pool, pageBudget: pageBudget}, nil
}

// Bounded returns a store on the same database with as many connections of its
// own, whose statements end after a time with an error that [TooLong] knows. So
// who asks for much neither keeps a server busy for long, nor others waiting for
// a connection. The caller closes it.
func (s *Store) Bounded(ctx context.Context, statement time.Duration) (*Store, error) {
	config := s.pool.Config()
	config.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(statement.Milliseconds(), 10)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return &Store{pool: pool, db: pool, pageBudget: s.pageBudget}, nil
}

// BoundPages sets how many rows a page of what happened may look at, before
// anything else is done with the store.
func (s *Store) BoundPages(rows int) { s.pageBudget = rows }

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

// Within runs work in one transaction: what it does with the Store that it is
// lent happens as a whole, or not at all when it returns an error, which is
// returned. The lent one must not be used by two goroutines or after work. A
// method that failed ends the transaction and its caller cannot go on, unless
// nothing was found or the method says so; [Store.Within] on the lent one makes
// what can be tried.
func (s *Store) Within(ctx context.Context, work func(*Store) error) error {
	return s.transact(ctx, func(tx pgx.Tx) error { return work(s.on(tx)) })
}

// on is the Store whose methods are part of the transaction.
func (s *Store) on(tx pgx.Tx) *Store { return &Store{pool: s.pool, db: tx, pageBudget: s.pageBudget} }

// transact runs work in one transaction, which is rolled back when work fails;
// within another one it is a part of that, and only the part is rolled back.
func (s *Store) transact(ctx context.Context, work func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.db, work)
}

// nullable makes the zero id NULL.
func nullable(id event.ID) *event.ID {
	if id.IsZero() {
		return nil
	}
	return &id
}
