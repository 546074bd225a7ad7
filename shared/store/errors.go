package store

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What callers can act on. Everything else is a fault of the database or of
// ours, and goes up as it is.
var (
	// ErrNotFound says that there is no such row, or that it was deleted.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a name that must be unique is taken.
	ErrConflict = errors.New("already exists")
	// ErrNoKey says that secrets are to be sealed and there is no key to do it with.
	ErrNoKey = errors.New("no secret key is set")
	// ErrNewerSchema says that the database was migrated by a newer version, and
	// that this one does not work with what that left.
	ErrNewerSchema = errors.New("database schema is newer than this program: use the newer version")
	// ErrOlderSchema says that migrations have not run yet.
	ErrOlderSchema = errors.New("database schema is older than this program: run postrider bootstrap")
)

// interpret turns the database's answers that callers can act on into ours. It
// is the only place that reads error codes, but for Bad.
func interpret(err error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case errors.As(err, &pg) && pg.Code == "23505": // unique_violation
		return ErrConflict
	default:
		return err
	}
}

// Bad reports whether err blames the data: the same rows would be refused again,
// while a connection that broke or a server that stopped says nothing of them.
func Bad(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	return strings.HasPrefix(pg.Code, "22") || // data_exception
		strings.HasPrefix(pg.Code, "23") || // integrity_constraint_violation
		strings.HasPrefix(pg.Code, "54") // program_limit_exceeded
}
