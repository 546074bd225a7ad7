package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// A day that is older than the retention is retired before it is dropped: its
// partitions of events and attempts become tables by themselves, and its dead
// letters move into one beside them. From then on nobody finds them and nothing
// changes in them, so whoever copies them can stop and go on as often as needed.

// Retired is what a retired day consists of.
type Retired string

// The tables of a retired day.
const (
	RetiredEvents      Retired = "events"
	RetiredAttempts    Retired = "attempts"
	RetiredDeadLetters Retired = "dead_letters"
)

// Retire retires every day of which all is older than keep. It can be repeated
// after a failure.
func (s *Store) Retire(ctx context.Context, keep time.Duration) error {
	var due []time.Time
	for _, t := range partitioned {
		if !t.retired {
			continue
		}
		dates, err := s.daysOf(ctx, t.table)
		if err != nil {
			return err
		}
		due = append(due, dates...)
	}
	slices.SortFunc(due, time.Time.Compare)
	for _, date := range slices.Compact(due) {
		if !date.Before(firstKept(keep)) {
			break
		}
		if err := s.retireDay(ctx, date); err != nil {
			return fmt.Errorf("retire %s: %w", date.Format(time.DateOnly), err)
		}
	}
	return nil
}

// retireDay takes one table after the other, since who takes two at a time may
// wait in a circle with those who write to both.
func (s *Store) retireDay(ctx context.Context, date time.Time) error {
	for _, t := range partitioned {
		if !t.retired {
			continue
		}
		err := s.transact(ctx, func(tx pgx.Tx) error { return changeTables(ctx, tx, `SELECT retire_day($1, $2)`, t.table, date) })
		if err != nil {
			return err
		}
	}
	return s.transact(ctx, func(tx pgx.Tx) error { return changeTables(ctx, tx, `SELECT retire_dead_letters($1)`, date) })
}

// RetiredDays lists the days that are retired and not dropped, in order.
func (s *Store) RetiredDays(ctx context.Context) ([]time.Time, error) {
	return s.daysOf(ctx, string(RetiredDeadLetters))
}

// DropRetired drops all there is of a retired day.
func (s *Store) DropRetired(ctx context.Context, date time.Time) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM archive_parts WHERE day = $1`, date); err != nil {
			return err
		}
		for _, what := range []Retired{RetiredEvents, RetiredAttempts, RetiredDeadLetters} {
			if err := dropDay(ctx, tx, string(what), date); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("drop %s: %w", date.Format(time.DateOnly), err)
	}
	return nil
}

// CountRetired counts the rows of one table of a retired day.
func (s *Store) CountRetired(ctx context.Context, date time.Time, what Retired) (n int64, err error) {
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM `+tableOf(string(what), date)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count retired %s: %w", what, err)
	}
	return n, nil
}

// Key is where a row stands among those of its table of a retired day.
type Key = []event.ID

// EventsRetired reads events of a retired day from after a key on (nil: from the
// first), at most limit, in the order of tenants and their ids. Expunged are also
// those whose payload was to be kept for less than its event, in time or not: a
// copy would outlive it. The store can be used for nothing else meanwhile if its
// connection is a lent one.
func (s *Store) EventsRetired(ctx context.Context, date time.Time, after Key, limit int) iter.Seq2[*Posted, error] {
	return retired(ctx, s, stretch{date, RetiredEvents, after, limit}, `
		SELECT id, tenant_id, event_type, coalesce(uid, ''), channels, tags, coalesce(priority, ''), deliver_at, endpoint_id, `+unkept+`,
			CASE WHEN NOT `+unkept+` THEN payload END
		FROM %s WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3`,
		func(row pgx.Row) (*Posted, error) {
			var p Posted
			var deliverAt *time.Time
			var only *event.ID
			err := row.Scan(&p.ID, &p.Tenant, &p.Type, &p.UID, &p.Channels, &p.Tags, &p.Priority, &deliverAt, &only, &p.Expunged, &p.Payload)
			p.DeliverAt = timeOf(deliverAt)
			if only != nil {
				p.Endpoint = *only
			}
			return &p, err
		})
}

// unkept is true of events whose payload nobody may keep longer than it was meant.
const unkept = `(expunged_at IS NOT NULL OR expires_at IS NOT NULL)`

// AttemptsRetired reads attempts that were made on a retired day, as EventsRetired
// does, in the order of events, endpoints and their own ids.
func (s *Store) AttemptsRetired(ctx context.Context, date time.Time, after Key, limit int) iter.Seq2[*Attempt, error] {
	return retired(ctx, s, stretch{date, RetiredAttempts, after, limit}, `
		SELECT id, tenant_id, event_id, endpoint_id, run_id, attempt, outcome, next_at, status_code, duration_ms, url, response,
			coalesce(lane, ''), queued_at, headers
		FROM %s WHERE (event_id, endpoint_id, id) > ($1, $2, $3) ORDER BY event_id, endpoint_id, id LIMIT $4`,
		func(row pgx.Row) (*Attempt, error) {
			var a Attempt
			var run *event.ID
			var next, queued *time.Time
			var ms int64
			err := row.Scan(&a.ID, &a.Tenant, &a.Event, &a.Endpoint, &run, &a.Number, &a.Outcome, &next, &a.StatusCode, &ms, &a.URL, &a.Response,
				&a.Lane, &queued, &a.Headers)
			a.NextAt, a.QueuedAt, a.Duration = timeOf(next), timeOf(queued), time.Duration(ms)*time.Millisecond
			if run != nil {
				a.Run = *run
			}
			return &a, err
		})
}

// DeadLettersRetired reads dead letters of a retired day's events, as EventsRetired
// does, in the order of endpoints and events.
func (s *Store) DeadLettersRetired(ctx context.Context, date time.Time, after Key, limit int) iter.Seq2[*DeadLetter, error] {
	return retired(ctx, s, stretch{date, RetiredDeadLetters, after, limit}, `
		SELECT endpoint_id, event_id, tenant_id, event_type, reason, attempts, died_at, run_id, deferrals
		FROM %s WHERE (endpoint_id, event_id) > ($1, $2) ORDER BY endpoint_id, event_id LIMIT $3`,
		func(row pgx.Row) (*DeadLetter, error) {
			var l DeadLetter
			var run *event.ID
			err := row.Scan(&l.Endpoint, &l.Event, &l.Tenant, &l.Type, &l.Reason, &l.Attempts, &l.DiedAt, &run, &l.Deferrals)
			if run != nil {
				l.Run = *run
			}
			return &l, err
		})
}

// stretch is a part of a table of a retired day: what follows a key.
type stretch struct {
	date  time.Time
	what  Retired
	after Key
	limit int
}

// args are the ids of the key, or as many that are before all others, and the limit.
func (s *stretch) args() []any {
	ids := map[Retired]int{RetiredEvents: 2, RetiredAttempts: 3, RetiredDeadLetters: 2}[s.what]
	args := make([]any, ids, ids+1)
	for i := range args {
		args[i] = event.ID{}
		if s.after != nil {
			args[i] = s.after[i]
		}
	}
	return append(args, s.limit)
}

// retired streams rows, so that memory holds one at a time however large they are.
func retired[T any](ctx context.Context, s *Store, of stretch, sql string, scan func(pgx.Row) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fail := func(err error) {
			var none T
			yield(none, fmt.Errorf("read retired %s: %w", of.what, err))
		}
		rows, err := s.db.Query(ctx, fmt.Sprintf(sql, tableOf(string(of.what), of.date)), of.args()...)
		if err != nil {
			fail(err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := scan(rows)
			if err != nil {
				fail(err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			fail(err)
		}
	}
}
