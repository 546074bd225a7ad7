package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
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
// one does it, under an advisory lock, and the others wait. Programs that work
// with the new schema go on meanwhile. It changes nothing where a newer program
// was here before, and returns ErrNewerSchema when this one does not work with
// what that left.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.withMigrations(func(p *goose.Provider, files fs.FS) error {
		if err := s.usable(ctx, p); err != nil {
			return err
		}
		oldest, err := oldestProgram(files)
		if err != nil {
			return err
		}
		// First, so that no program starts whom a migration is about to leave behind.
		if err := s.refuseBefore(ctx, oldest); err != nil {
			return err
		}
		_, err = p.Up(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return s.MakePartitions(ctx)
}

// Verify returns ErrOlderSchema when the schema lacks something that this program
// needs, ErrNewerSchema when it is newer and does not suit it any more, and a
// *KeyError when there are secrets that it does not have the key of (see UseKeys).
func (s *Store) Verify(ctx context.Context) error {
	if err := s.verifySchema(ctx); err != nil {
		return err
	}
	return s.verifyKeys(ctx)
}

func (s *Store) verifySchema(ctx context.Context) error {
	return s.withMigrations(func(p *goose.Provider, _ fs.FS) error {
		if err := s.usable(ctx, p); err != nil {
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

// usable returns ErrNewerSchema when a newer program left a schema that this one
// does not work with.
func (s *Store) usable(ctx context.Context, p *goose.Provider) error {
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have <= want {
		return nil
	}
	var oldest int64
	if err := s.db.QueryRow(ctx, `SELECT oldest FROM schema_compatibility`).Scan(&oldest); err != nil {
		return fmt.Errorf("read schema compatibility: %w", err)
	}
	if want < oldest {
		return ErrNewerSchema
	}
	return nil
}

// refuseBefore notes which programs the schema is too new for: those that are
// older than oldest. It is no migration because it holds for each of them.
func (s *Store) refuseBefore(ctx context.Context, oldest int64) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		_, err1 := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, compatibilityLock)
		_, err2 := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_compatibility (
			one boolean PRIMARY KEY DEFAULT true CHECK (one), oldest bigint NOT NULL)`)
		_, err3 := tx.Exec(ctx, `INSERT INTO schema_compatibility AS s (oldest) VALUES ($1)
			ON CONFLICT (one) DO UPDATE SET oldest = greatest(s.oldest, excluded.oldest)`, oldest)
		return errors.Join(err1, err2, err3)
	})
	if err != nil {
		return fmt.Errorf("note schema compatibility: %w", err)
	}
	return nil
}

const compatibilityLock = 0x73636865 // advisory lock of whoever notes compatibility

// oldestProgram returns the oldest program that works with the schema as all the
// migrations leave it. A program goes by the number of its newest migration.
func oldestProgram(files fs.FS) (oldest int64, err error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list migrations: %w", err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return 0, fmt.Errorf("read migration: %w", err)
		}
		var since int64
		if _, err := fmt.Sscanf(string(text), worksWith, &since); err != nil && name != firstMigration {
			return 0, fmt.Errorf("migration %s: its first line must be %q", name, worksWith)
		}
		oldest = max(oldest, since)
	}
	return oldest, nil
}

const (
	// worksWith is how a migration begins. It names the oldest program that works
	// with the schema after it: while stages are replaced one by one, programs of
	// two versions use one database.
	worksWith = "-- Works with programs since %5d"

	// firstMigration found no programs there.
	firstMigration = "00001_first.sql"
)

func (s *Store) withMigrations(work func(p *goose.Provider, files fs.FS) error) (err error) {
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
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker),
		goose.WithAllowOutofOrder(true), // a lower number may come later, from another branch
	)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return work(provider, files)
}
