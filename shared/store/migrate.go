package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Whoever waits for another's migration looks every second, for a quarter of an
// hour.
const (
	lockTry   = 1 // seconds
	lockTries = 15 * 60
)

// Migrate brings the schema up to this program's version and makes the
// partitions of the coming days. Any number of processes may call it at once:
// one does it, under an advisory lock, and the others wait. It returns
// ErrNewerSchema when a newer program was here before.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.withMigrations(func(p *goose.Provider) error {
		if err := newerThan(ctx, p); err != nil {
			return err
		}
		_, err := p.Up(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return s.MakePartitions(ctx)
}

// Verify returns ErrOlderSchema or ErrNewerSchema when the schema is not that of
// this program.
func (s *Store) Verify(ctx context.Context) error {
	return s.withMigrations(func(p *goose.Provider) error {
		if err := newerThan(ctx, p); err != nil {
			return err
		}
		pending, err := p.HasPending(ctx)
		if err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if pending {
			return ErrOlderSchema
		}
		return nil
	})
}

func newerThan(ctx context.Context, p *goose.Provider) error {
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return ErrNewerSchema
	}
	return nil
}

func (s *Store) withMigrations(work func(*goose.Provider) error) (err error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockTry, lockTries))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithAllowOutofOrder(true)) // numbers are given in ranges
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return work(provider)
}
