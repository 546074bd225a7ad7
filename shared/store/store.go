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
	"github.com/postrider/postrider/shared/secret"
)

const (
	// pingEvery is how long one answer of the database stands for its health, and
	// pingTimeout how long it may take.
	pingEvery   = time.Second
	pingTimeout = 2 * time.Second

	// A server that hangs accepts connections and says nothing on them.
	connectTimeout = 5 * time.Second

	// idleTransaction is how long a transaction may stand still before the server
	// ends it: its process hangs, and others wait for what it holds. Longer than
	// anything that is done between two statements, such as publishing.
	idleTransaction = 30 * time.Second
)

var errPingTimeout = fmt.Errorf("database did not answer within %s", pingTimeout)

// Store is a pool of connections to one PostgreSQL database. It is safe for
// concurrent use, but for one that [Store.Within] lends.
type Store struct {
	pool *pgxpool.Pool
	db   querier // the pool, or the transaction that everything is part of

	pageBudget int  // rows that a page of what happened may look at
	fenced     bool // its role sees only what it says that it is to see

	ring  *secret.Ring // nil: secrets are stored as they are
	keyed bool         // it is there to write and read secrets

	ping struct {
		sync.Mutex
		at       time.Time
		err      error
		verified bool // the schema and the keys of secrets are such that this program can use them
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
	s, err := OpenLater(ctx, url, connections)
	if err != nil {
		return nil, err
	}
	if err := s.pool.Ping(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	return s, nil
}

// OpenLater is Open without asking the database: it may be away.
func OpenLater(ctx context.Context, url string, connections int) (*Store, error) {
	config, err := poolConfig(url, connections)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config) // which connects only when it is used
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return &Store{pool: pool, db: pool, pageBudget: pageBudget}, nil
}

func poolConfig(url string, connections int) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err) // pgx leaves the password out
	}
	if connections > 0 {
		config.MaxConns = int32(min(connections, 1000))
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	config.ConnConfig.DialFunc = dialer().DialContext
	config.ConnConfig.RuntimeParams["application_name"] = "postrider"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(idleTransaction)
	config.AfterConnect = registerID
	return config, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Bounded returns a store on the same database with as many connections of its
// own, whose statements end after a time with an error that [TooLong] knows. So
// who asks for much neither keeps a server busy for long, nor others waiting for
// a connection. The caller closes it.
func (s *Store) Bounded(ctx context.Context, statement time.Duration) (*Store, error) {
	config := s.pool.Config()
	config.ConnConfig.RuntimeParams["statement_timeout"] = milliseconds(statement)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return s.over(pool, pool), nil
}

// BoundPages sets how many rows a page of what happened may look at, before
// anything else is done with the store.
func (s *Store) BoundPages(rows int) { s.pageBudget = rows }

// Close ends all connections, after the queries that are under way.
func (s *Store) Close() { s.pool.Close() }

// PoolStats is what became of the connections of a store since it was opened, and what
// is with them now.
type PoolStats struct {
	Most, Idle, InUse, Opening int

	Acquired, Waited, Abandoned int64         // uses of a connection; that had to wait for one; that gave up waiting
	WaitedFor                   time.Duration // all of them together
}

// PoolStats returns them as they are now.
func (s *Store) PoolStats() PoolStats {
	p := s.pool.Stat()
	return PoolStats{
		Most: int(p.MaxConns()), Idle: int(p.IdleConns()), InUse: int(p.AcquiredConns()), Opening: int(p.ConstructingConns()),
		Acquired: p.AcquireCount(), Waited: p.EmptyAcquireCount(), Abandoned: p.CanceledAcquireCount(), WaitedFor: p.EmptyAcquireWaitTime(),
	}
}

// Health returns why the database cannot be used now, nil when it can: it answers,
// and when it did first, its schema was one for this program (see Verify). It asks
// at most once a second and waits for two.
func (s *Store) Health(ctx context.Context) error {
	s.ping.Lock()
	defer s.ping.Unlock()
	if time.Since(s.ping.at) < pingEvery {
		return s.ping.err
	}
	// The answer is for others, too, who have not gone when this caller has.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), pingTimeout, errPingTimeout)
	defer cancel()
	err := s.pool.Ping(ctx)
	if err != nil {
		err = fmt.Errorf("reach database: %w", err)
	} else if !s.ping.verified {
		err = s.Verify(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
		if s.ping.err != nil { // and the second time in a row
			s.pool.Reset() // or each connection would be found to be stale by somebody who waits for it
		}
	}
	s.ping.verified = s.ping.verified || err == nil
	s.ping.err, s.ping.at = err, time.Now()
	return err
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

// over is the Store on another pool, or on one connection or transaction of it.
func (s *Store) over(pool *pgxpool.Pool, db querier) *Store {
	return &Store{pool: pool, db: db, pageBudget: s.pageBudget, fenced: s.fenced, ring: s.ring, keyed: s.keyed}
}

// on is the Store whose methods are part of the transaction.
func (s *Store) on(tx pgx.Tx) *Store {
	return s.over(s.pool, tx)
}

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
