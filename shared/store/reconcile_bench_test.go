package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// busyMinutes at 300 events a second are what BenchmarkReconcile looks at: two
// events a batch, three endpoints, one in ten first attempts failed and followed by
// another. Nothing is missing.
const busyMinutes = 10

const fillSQL = `
CREATE TEMPORARY TABLE made AS
SELECT n, (lpad(to_hex(((extract(epoch FROM now()) - $1 * 60 + n / 300.0) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
	|| '8000' || lpad(to_hex(n), 12, '0'))::uuid AS id
FROM generate_series(0, $1 * 60 * 300 - 1) AS n`

var busySQL = []string{ //nolint:gochecknoglobals // constant
	`INSERT INTO events (id, tenant_id, event_type, payload) SELECT id, $1, 'invoice.paid', '{"invoice": 17}' FROM made`,
	`INSERT INTO batches (id, tenant_ids, event_ids, published_at)
		SELECT (array_agg(id ORDER BY n DESC))[1], array_agg($1::uuid), array_agg(id ORDER BY n), now() - interval '1 second' FROM made GROUP BY n / 2`,
	`INSERT INTO attempts (id, tenant_id, event_id, endpoint_id, attempt, outcome, next_at, status_code, duration_ms, url, response)
		SELECT m.id, $1, m.id, p.id, 1, CASE WHEN m.n % 10 = 0 THEN 'rejected' ELSE 'success' END,
			CASE WHEN m.n % 10 = 0 THEN now() - interval '1 second' END, 200, 5, p.url, '' FROM made m, endpoints p WHERE p.tenant_id = $1`,
	`INSERT INTO attempts (id, tenant_id, event_id, endpoint_id, attempt, outcome, status_code, duration_ms, url, response)
		SELECT overlay(m.id::text PLACING '9' FROM 20)::uuid, $1, m.id, p.id, 2, 'success', 200, 5, p.url, '' FROM made m, endpoints p WHERE p.tenant_id = $1 AND m.n % 10 = 0`,
	`ANALYZE`,
}

// BenchmarkReconcile looks at a busy time in which nothing was lost.
func BenchmarkReconcile(b *testing.B) {
	url := testkit.Database(b)
	s := testkit.Open(b, url)
	tenant := testkit.Tenant(b, s)
	for range 3 {
		testkit.Endpoint(b, s, tenant, "https://example.com", func(e *store.Endpoint) {
			e.ID = event.FloorID(time.Now().Add(-2 * busyMinutes * time.Minute))
		})
	}
	db := testkit.SQL(b, url)
	_, err := db.Exec(b.Context(), fillSQL, busyMinutes)
	require.NoError(b, err)
	for _, statement := range busySQL {
		if statement == "ANALYZE" {
			_, err = db.Exec(b.Context(), statement)
		} else {
			_, err = db.Exec(b.Context(), statement, [16]byte(tenant))
		}
		require.NoError(b, err)
	}
	for b.Loop() {
		r := &store.Reconciliation{Since: time.Now().Add(-time.Hour), Lost: true, Reason: "a benchmark"}
		require.NoError(b, s.AskReconciliation(b.Context(), r))
		for r.Finished.IsZero() {
			_, again, now, err := s.AdvanceReconciliation(b.Context(), 256, func(context.Context, []event.Delivery) error { panic("nothing is missing") })
			require.NoError(b, err)
			require.Zero(b, again)
			r = now
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/busyMinutes*60, "s/hour")
}
