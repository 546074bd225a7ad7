package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	applications = 10
	endpoints    = 10 // of each
	portion      = 20_000
	perEvent     = 2 * (1 + 5.0/6/8) // attempts, on average
	rare         = 2000              // one event in so many has the rare type and channel
)

// filler writes events and attempts past the stages, as they would have.
//
// Half of all events are of the first application. Each event goes to the first
// endpoint of its application and to one other. One attempt in eight fails, half
// of those are tried again, and the others are dead.
type filler struct {
	db     *pgx.Conn
	days   int
	now    time.Time
	random *mathrand.Rand

	apps  [applications]event.ID
	hooks [applications][endpoints]event.ID

	events, attempts, atEndpoint int // written

	oldEvent, oldAttempt event.ID // of the first application and endpoint, a day after the beginning
	halfTime             time.Time
	rows                 struct{ events, attempts, letters [][]any }
}

func (f *filler) fill(ctx context.Context, c *client, attempts int) error {
	f.random = mathrand.New(mathrand.NewPCG(1, 2)) // the same every time
	f.halfTime = f.now.AddDate(0, 0, -f.days/2)
	if err := f.makeApplications(ctx, c); err != nil {
		return err
	}
	if err := f.makePartitions(ctx); err != nil {
		return err
	}
	span := time.Duration(f.days)*24*time.Hour - time.Hour
	for step := 0.0; f.attempts < attempts; step++ {
		at := f.now.Add(-span).Add(time.Duration(step * float64(span) / float64(attempts) * perEvent))
		f.addEvent(at)
		if len(f.rows.events) >= portion {
			if err := f.write(ctx); err != nil {
				return err
			}
		}
	}
	if err := f.write(ctx); err != nil {
		return err
	}
	if _, err := f.db.Exec(ctx, `VACUUM ANALYZE`); err != nil { // as it is done by itself before long
		return err
	}
	return f.count(ctx, span)
}

// count has attempts counted by the hour, as ingest does while they are made.
func (f *filler) count(ctx context.Context, span time.Duration) (err error) {
	_, err = f.db.Exec(ctx, `INSERT INTO activity_counted (until) VALUES ($1) ON CONFLICT (one) DO UPDATE SET until = excluded.until`,
		[16]byte(event.FloorID(f.now.Add(-span))))
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, f.db.Config().ConnString(), 2)
	if err != nil {
		return err
	}
	defer s.Close()
	for more := true; more && err == nil; {
		more, err = s.CountActivity(ctx, f.now.Add(-5*time.Minute))
	}
	return err
}

func (f *filler) makeApplications(ctx context.Context, c *client) error {
	create := func(path string, body map[string]any, kind event.Kind) (id event.ID, err error) {
		var made struct{ ID string }
		if err := c.do(ctx, "POST", path, body, &made); err != nil {
			return id, err
		}
		return kind.Parse(made.ID)
	}
	for a := range f.apps {
		var err error
		if f.apps[a], err = create("/app", map[string]any{"name": fmt.Sprint(a)}, event.Tenant); err != nil {
			return err
		}
		for e := range f.hooks[a] {
			path := "/app/" + event.Tenant.Format(f.apps[a]) + "/endpoint"
			f.hooks[a][e], err = create(path, map[string]any{"url": "https://example.com/", "disabled": true}, event.Endpoint)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// makePartitions makes those of the past; today's and the next days' are there.
func (f *filler) makePartitions(ctx context.Context) error {
	for day := -f.days - 1; day < 0; day++ {
		date := f.now.UTC().Truncate(24*time.Hour).AddDate(0, 0, day)
		for _, table := range []string{"events", "attempts"} {
			_, err := f.db.Exec(ctx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s_%s PARTITION OF %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')`,
				table, date.Format("20060102"), bound(date), bound(date.AddDate(0, 0, 1))))
			if err != nil {
				return fmt.Errorf("make partition: %w", err)
			}
		}
	}
	return nil
}

// bound is where the day of a partition begins.
func bound(date time.Time) string {
	id := event.FloorID(date)
	return fmt.Sprintf("%x-%x-%x-0000-000000000000", id[0:4], id[4:6], id[6:8])
}

// idAt is an id that was made at that time.
func idAt(t time.Time) event.ID {
	id := event.FloorID(t)
	_, _ = rand.Read(id[9:]) // it never fails
	return id
}

func (f *filler) addEvent(at time.Time) {
	a := 0
	if f.random.IntN(2) == 0 {
		a = 1 + f.random.IntN(applications-1)
	}
	id := idAt(at)
	kind, channels := fmt.Sprintf("type.%d", f.random.IntN(20)), []string{"eu"}
	switch n := f.random.IntN(rare); {
	case n == 0:
		kind, channels = "type.rare", []string{"rare", "eu"}
	case n%2 == 0:
		channels = []string{"us"}
	}
	f.rows.events = append(f.rows.events, []any{[16]byte(id), [16]byte(f.apps[a]), kind, channels, []byte(`{"invoice":17,"amount":"12.50"}`)})
	f.events++
	if a == 0 && f.oldEvent.IsZero() && f.events > 1 && at.After(f.now.AddDate(0, 0, 1-f.days)) {
		f.oldEvent = id
	}
	f.addDelivery(a, 0, id, kind, at)
	f.addDelivery(a, 1+f.random.IntN(endpoints-1), id, kind, at)
}

// addDelivery adds one attempt or two.
func (f *filler) addDelivery(a, e int, id event.ID, kind string, at time.Time) {
	at = at.Add(50 * time.Millisecond)
	if f.random.IntN(8) > 0 {
		f.addAttempt(a, e, id, at, 200, nil)
		return
	}
	code := [...]int{503, 503, 503, 500, 404, 0}[f.random.IntN(6)]
	if code == 404 { // never came back
		f.addAttempt(a, e, id, at, code, nil)
		f.rows.letters = append(f.rows.letters, []any{[16]byte(f.hooks[a][e]), [16]byte(id), [16]byte(f.apps[a]), kind, "http_status", 1})
		return
	}
	next := at.Add(time.Duration(math.Pow(f.random.Float64(), 4) * float64(time.Hour)))
	f.addAttempt(a, e, id, at, code, &next)
	if next.Before(f.now) {
		f.addAttempt(a, e, id, next, 200, nil)
	}
}

func (f *filler) addAttempt(a, e int, id event.ID, at time.Time, code int, next *time.Time) {
	outcome, attempt := "http_status", idAt(at)
	if code == 200 {
		outcome = "success"
	}
	f.rows.attempts = append(f.rows.attempts, []any{
		[16]byte(attempt), [16]byte(f.apps[a]), [16]byte(id), [16]byte(f.hooks[a][e]), 1, outcome, next, code, 12,
		"https://example.com/", []byte(`{"ok":true}`),
	})
	f.attempts++
	if a == 0 && e == 0 {
		f.atEndpoint++
		if f.oldAttempt.IsZero() && id == f.oldEvent {
			f.oldAttempt = attempt
		}
	}
}

// write empties what was added into the database.
func (f *filler) write(ctx context.Context) error {
	for _, t := range []struct {
		table   string
		columns []string
		rows    *[][]any
	}{
		{"events", []string{"id", "tenant_id", "event_type", "channels", "payload"}, &f.rows.events},
		{"attempts", []string{
			"id", "tenant_id", "event_id", "endpoint_id", "attempt", "outcome", "next_at", "status_code", "duration_ms", "url", "response",
		}, &f.rows.attempts},
		{"dead_letters", []string{"endpoint_id", "event_id", "tenant_id", "event_type", "reason", "attempts"}, &f.rows.letters},
	} {
		if _, err := f.db.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(*t.rows)); err != nil {
			return fmt.Errorf("write %s: %w", t.table, err)
		}
		*t.rows = nil
	}
	return nil
}
