package browser

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

// history writes what the stages would have recorded of the last day: messages, a
// third of each hour's at the busiest, and their attempts at two endpoints of which the
// second had an outage. It makes pages look as they do where people work.
func (a application) history(well, ill string) {
	a.t.Helper()
	db, err := pgx.Connect(a.t.Context(), system.DatabaseURL)
	require.NoError(a.t, err)
	defer func() { _ = db.Close(a.t.Context()) }()
	tenant := key(a.t, event.Tenant, call(a.t, "GET", "/app/"+a.uid, nil)["id"].(string))
	endpoints := [2][16]byte{key(a.t, event.Endpoint, well), key(a.t, event.Endpoint, ill)}
	names := [2]string{"orders", "crm"}
	random := mathrand.New(mathrand.NewPCG(1, 2)) // the same every time
	now := time.Now()
	yesterday(a.t, db, now)

	var events, attempts, letters [][]any
	for hour := range 24 {
		for range 4 + 10*(hour%12)/3 + random.IntN(6) {
			at := now.Add(-24*time.Hour + time.Duration(hour)*time.Hour + time.Duration(random.IntN(3500))*time.Second).Add(-2 * time.Minute)
			id, name := idAt(at), []string{"invoice.paid", "invoice.created", "customer.moved"}[random.IntN(3)]
			events = append(events, []any{id, tenant, name, fmt.Appendf(nil, `{"invoice":%d,"amount":"129.00"}`, 1000+len(events))})
			for i, endpoint := range endpoints {
				code, outcome, body := 200, "success", `{"received":true}`
				if i == 1 && hour >= 15 && hour < 18 || random.IntN(40) == 0 {
					code, outcome, body = 503, "rejected", `{"error":"the database is in maintenance"}`
					letters = append(letters, []any{endpoint, id, tenant, name, outcome, 1})
				}
				attempts = append(attempts, []any{
					idAt(at.Add(40 * time.Millisecond)), tenant, id, endpoint, 1, outcome, code, 18 + random.IntN(60+140*i),
					"https://hooks.acme.example/" + names[i], []byte(body),
				})
			}
		}
	}
	for table, rows := range map[string]struct {
		columns []string
		rows    [][]any
	}{
		"events":       {[]string{"id", "tenant_id", "event_type", "payload"}, events},
		"attempts":     {[]string{"id", "tenant_id", "event_id", "endpoint_id", "attempt", "outcome", "status_code", "duration_ms", "url", "response"}, attempts},
		"dead_letters": {[]string{"endpoint_id", "event_id", "tenant_id", "event_type", "reason", "attempts"}, letters},
	} {
		_, err := db.CopyFrom(a.t.Context(), pgx.Identifier{table}, rows.columns, pgx.CopyFromRows(rows.rows))
		require.NoError(a.t, err, table)
	}
}

// key is an id as the database has it.
func key(t *testing.T, kind event.Kind, text string) [16]byte {
	t.Helper()
	id, err := kind.Parse(text)
	require.NoError(t, err)
	return id
}

// idAt is an id that was made at that time.
func idAt(at time.Time) [16]byte {
	id := event.FloorID(at)
	_, _ = rand.Read(id[9:]) // it never fails
	return id
}

// yesterday makes the partitions of the day before, which a new system has none of.
func yesterday(t *testing.T, db *pgx.Conn, now time.Time) {
	t.Helper()
	bound := func(day time.Time) string {
		id := event.FloorID(day)
		return fmt.Sprintf("%x-%x-%x-0000-000000000000", id[0:4], id[4:6], id[6:8])
	}
	day := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	for _, table := range []string{"events", "attempts"} {
		_, err := db.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s_%s PARTITION OF %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')`,
			table, day.Format("20060102"), bound(day), bound(day.AddDate(0, 0, 1))))
		require.NoError(t, err)
	}
}
