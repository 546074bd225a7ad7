package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// latencies are where the classes of durations of attempts end, in milliseconds: each
// is wider than the one before by the root of two.
var latencies = []int32{ //nolint:gochecknoglobals // constant
	1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724,
	1024, 1448, 2048, 2896, 4096, 5793, 8192, 11585, 16384, 23170, 32768, 46341, 65536,
}

// LatencyClass is the durations that belong to a class of Activity: from From on and
// below To, which is the same as From in the last class.
func LatencyClass(class int) (from, to time.Duration) {
	at := func(n int) time.Duration {
		if n < 0 {
			return 0
		}
		return time.Duration(latencies[min(n, len(latencies)-1)]) * time.Millisecond
	}
	return at(class - 1), at(class)
}

// Activity is how many attempts at an endpoint began in a part of time, ended alike
// and took about as long.
type Activity struct {
	Endpoint event.ID
	Part     int // of the period
	Outcome  string
	Class    int // see LatencyClass
	Attempts int64
}

// Period is a time in parts of the same length.
type Period struct {
	Since time.Time
	Part  time.Duration
	Parts int
}

// Until is the end of the period.
func (p Period) Until() time.Time { return p.Since.Add(time.Duration(p.Parts) * p.Part) }

// floors are the lowest ids of the parts.
func (p Period) floors() []event.ID {
	ids := make([]event.ID, p.Parts)
	for n := range ids {
		ids[n] = event.FloorID(p.Since.Add(time.Duration(n) * p.Part))
	}
	return ids
}

// hours are when the parts begin.
func (p Period) hours() []time.Time {
	all := make([]time.Time, p.Parts)
	for n := range all {
		all[n] = p.Since.Add(time.Duration(n) * p.Part)
	}
	return all
}

// Activity counts what was attempted at endpoints of a tenant in a period. Where its
// parts are hours, most was counted before (CountActivity); of what was not, it looks
// at no more than limit attempts, the newest of each endpoint, and returns the
// endpoints of which there may be more.
func (s *Store) Activity(ctx context.Context, tenant event.ID, endpoints []event.ID, in Period, limit int) (found []Activity, more []event.ID, err error) {
	each := max(limit/max(len(endpoints), 1), 1)
	byHour := in.Part%time.Hour == 0
	rows, err := s.db.Query(ctx, `
		SELECT endpoint_id, width_bucket(hour, $8::timestamptz[]) - 1, outcome, class, sum(attempts)::bigint, false
		FROM activity WHERE $9 AND tenant_id = $1 AND endpoint_id = ANY ($2) AND hour >= ($8::timestamptz[])[1] AND hour < $10
		GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT e.id, width_bucket(a.id, $5::uuid[]) - 1, a.outcome, width_bucket(a.duration_ms, $6::integer[]), count(*), true
		FROM unnest($2::uuid[]) AS e (id) CROSS JOIN LATERAL (
			SELECT id, outcome, duration_ms FROM attempts
			WHERE endpoint_id = e.id AND tenant_id = $1 AND id >= $3 AND id < $4
				AND id >= coalesce((SELECT until FROM activity_counted WHERE $9), $3)
			ORDER BY id DESC LIMIT $7) AS a
		GROUP BY 1, 2, 3, 4`, // one statement: in another's sight more may be counted
		tenant, endpoints, event.FloorID(in.Since), event.FloorID(in.Until()), in.floors(), latencies, each, in.hours(), byHour, in.Until())
	looked := make(map[event.ID]int64)
	found, err = collect(rows, err, func(row pgx.Row, a *Activity) error {
		var now bool
		err := row.Scan(&a.Endpoint, &a.Part, &a.Outcome, &a.Class, &a.Attempts, &now)
		if now {
			looked[a.Endpoint] += a.Attempts
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("count attempts: %w", err)
	}
	for _, id := range endpoints {
		if looked[id] >= int64(each) {
			more = append(more, id)
		}
	}
	return found, more, nil
}

// CountActivity counts attempts that began before a time and were not counted before:
// no more than those of an hour, and of the last thirty days. It reports whether there
// is more to count. Attempts that are recorded later are never counted, so the time
// is to be some minutes ago. It does nothing while somebody else counts.
func (s *Store) CountActivity(ctx context.Context, until time.Time) (more bool, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		// Nothing was attempted before there was a tenant.
		_, err := tx.Exec(ctx, `
			INSERT INTO activity_counted (until) SELECT min(id::text)::uuid FROM tenants WHERE id <> $1 HAVING count(*) > 0
			ON CONFLICT DO NOTHING`, SystemTenant)
		if err != nil {
			return err
		}
		var counted event.ID
		err = tx.QueryRow(ctx, `SELECT until FROM activity_counted FOR UPDATE SKIP LOCKED`).Scan(&counted)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		from := latest(counted.Time(), until.Add(-activityKept))
		hour := from.Truncate(time.Hour)
		to := hour.Add(time.Hour)
		if more = to.Before(until); !more {
			to = until
		}
		if !from.Before(to) {
			return nil
		}
		return countHour(ctx, tx, hour, counted, event.FloorID(from), event.FloorID(to))
	})
	if err != nil {
		return false, fmt.Errorf("count attempts by the hour: %w", err)
	}
	return more, nil
}

// activityKept is how long attempts stay counted: a month, as charts show it.
const activityKept = 31 * day

// countHour counts the attempts of a part of an hour. It enters the index for each
// endpoint, since there is none by time alone.
func countHour(ctx context.Context, tx pgx.Tx, hour time.Time, counted, from, to event.ID) error {
	if string(from[:]) < string(counted[:]) {
		from = counted
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO activity (endpoint_id, tenant_id, hour, outcome, class, attempts)
		SELECT e.id, e.tenant_id, $3, a.outcome, width_bucket(a.duration_ms, $4::integer[]), count(*)
		FROM endpoints e CROSS JOIN LATERAL (
			SELECT outcome, duration_ms FROM attempts
			WHERE endpoint_id = e.id AND tenant_id = e.tenant_id AND id >= $1 AND id < $2 OFFSET 0) AS a
		WHERE e.deleted_at IS NULL GROUP BY 1, 2, 4, 5
		ON CONFLICT (endpoint_id, hour, outcome, class) DO UPDATE SET attempts = activity.attempts + excluded.attempts`,
		from, to, hour, latencies)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM activity WHERE hour < $1`, hour.Add(-activityKept)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE activity_counted SET until = $1`, to)
	return err
}
