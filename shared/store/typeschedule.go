package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxTypeSchedules is how many event types may have a retry schedule of their
// own: every deliver process knows all of them.
const MaxTypeSchedules = 1000

// ErrTooManySchedules says that no more event types may have a schedule.
var ErrTooManySchedules = errors.New("too many event types have a retry schedule")

// TypeSchedule reads the delays after failed attempts of an event type: nil when
// it has none of its own, empty for no retries. It returns ErrNotFound.
func (s *Store) TypeSchedule(ctx context.Context, name string) ([]time.Duration, error) {
	var delays []time.Duration
	err := s.db.QueryRow(ctx, `SELECT retry_schedule FROM event_types WHERE name = $1`, name).Scan(&delays)
	if err != nil {
		return nil, fmt.Errorf("read retry schedule: %w", interpret(err))
	}
	return delays, nil
}

// SetTypeSchedule changes the delays of an event type; nil takes them away. It
// returns ErrNotFound or ErrTooManySchedules.
func (s *Store) SetTypeSchedule(ctx context.Context, name string, delays []time.Duration) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE event_types SET retry_schedule = $2, updated_at = now() WHERE name = $1`, name, delays)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if delays == nil {
			return nil
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM event_types WHERE retry_schedule IS NOT NULL`).Scan(&n); err != nil {
			return err
		}
		if n > MaxTypeSchedules {
			return ErrTooManySchedules
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set retry schedule: %w", err)
	}
	return nil
}

// TypeSchedules reads the delays of all event types that have their own.
func (s *Store) TypeSchedules(ctx context.Context) (map[string][]time.Duration, error) {
	rows, err := s.db.Query(ctx, `SELECT name, retry_schedule FROM event_types WHERE retry_schedule IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("read retry schedules: %w", err)
	}
	schedules := make(map[string][]time.Duration)
	var name string
	var delays []time.Duration
	_, err = pgx.ForEachRow(rows, []any{&name, &delays}, func() error {
		schedules[name], delays = delays, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read retry schedules: %w", err)
	}
	return schedules, nil
}
