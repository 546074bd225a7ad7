package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable reports whether err says that the database could not be asked or
// did not answer: it is away, starting, stopping, full, or gave up for somebody
// else's sake. The same call may succeed later. Whether what was asked for
// happened is not known.
func Unavailable(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // whatever it was refused for
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pg.Code, "08") || // connection_exception
			strings.HasPrefix(pg.Code, "53") || // insufficient_resources
			strings.HasPrefix(pg.Code, "57") || // operator_intervention
			strings.HasPrefix(pg.Code, "40") || // transaction_rollback
			pg.Code == "25006" || // read_only_sql_transaction: a standby
			pg.Code == "25P03" || // idle_in_transaction_session_timeout: we hung
			lockTimeout(pg)
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Refused reports whether err says that the database does not let us in as whom we
// come: the name, the password or the database is wrong, which waiting does not
// mend.
func Refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(pg.Code, "28") || // invalid_authorization_specification
		pg.Code == "3D000") // invalid_catalog_name
}

// lockTimeout reports whether somebody else held a lock for longer than one may
// wait.
func lockTimeout(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "55P03" // lock_not_available
}

// TooLong reports whether err says that a statement of a [Store.Bounded] store
// took longer than it may.
func TooLong(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "57014" // query_canceled
}

// BadValue reports whether err blames a value for being what no column of its
// type can hold. Unlike [Bad] it does not count what rows must be to each other,
// or that the partition for a row is missing: that is our fault and not that of
// whoever gave the value.
func BadValue(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(pg.Code, "22") || // data_exception
		strings.HasPrefix(pg.Code, "54")) // program_limit_exceeded
}
