package store

import (
	"context"
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

// Activity counts what was attempted at endpoints of a tenant in a period. It
// looks at no more than limit attempts, the newest of each endpoint, and returns the
// endpoints of which there may be more.
func (s *Store) Activity(ctx context.Context, tenant event.ID, endpoints []event.ID, in Period, limit int) (found []Activity, more []event.ID, err error) {
	each := max(limit/max(len(endpoints), 1), 1)
	rows, err := s.db.Query(ctx, `
		SELECT e.id, width_bucket(a.id, $5::uuid[]) - 1, a.outcome, width_bucket(a.duration_ms, $6::integer[]), count(*)
		FROM unnest($2::uuid[]) AS e (id) CROSS JOIN LATERAL (
			SELECT id, outcome, duration_ms FROM attempts
			WHERE endpoint_id = e.id AND tenant_id = $1 AND id >= $3 AND id < $4 ORDER BY id DESC LIMIT $7) AS a
		GROUP BY 1, 2, 3, 4`,
		tenant, endpoints, event.FloorID(in.Since), event.FloorID(in.Until()), in.floors(), latencies, each)
	found, err = collect(rows, err, func(row pgx.Row, a *Activity) error {
		return row.Scan(&a.Endpoint, &a.Part, &a.Outcome, &a.Class, &a.Attempts)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("count attempts: %w", err)
	}
	looked := make(map[event.ID]int64)
	for _, a := range found {
		looked[a.Endpoint] += a.Attempts
	}
	for _, id := range endpoints {
		if looked[id] >= int64(each) {
			more = append(more, id)
		}
	}
	return found, more, nil
}
