package store

import (
	"context"
	"fmt"
)

// Duty is what one process at a time does for all. It is the number of an advisory
// lock.
type Duty int64

// The duties that there are.
const (
	Watching  Duty = 0x706f7375 // the streams, and making them again
	Retention Duty = 0x706f7376 // archiving and dropping what is old
)

// Alone runs work while no other process is at that duty, and reports whether it
// did: not if another is. The Store that work is lent is one connection, which holds the
// lock: when it breaks, others may come, and nothing of work succeeds any more. The
// lent Store must not be used by two goroutines or after work.
func (s *Store) Alone(ctx context.Context, duty Duty, work func(context.Context, *Store) error) (ran bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("be alone: %w", err)
	}
	defer conn.Release()
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, duty).Scan(&ran); err != nil {
		return false, fmt.Errorf("be alone: %w", err)
	}
	if !ran {
		return false, nil
	}
	defer func() {
		// A connection that may still hold the lock does not go back to the pool.
		if _, err := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, duty); err != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx))
		}
	}()
	return true, work(ctx, s.over(s.pool, conn))
}
