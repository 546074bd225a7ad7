package store_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

const day = 24 * time.Hour

// partitioned are the tables with one partition a day.
var partitioned = []string{"attempts", "batches", "event_keys", "events", "request_keys"} //nolint:gochecknoglobals // constant

// partitions lists the days that a table has partitions of, as 20261120.
func partitions(t *testing.T, url, table string) []string {
	t.Helper()
	list := testkit.Value[string](t, url, `SELECT coalesce(string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text), '')
		FROM pg_inherits WHERE inhparent = $1::regclass`, table)
	return strings.Fields(strings.ReplaceAll(list, table+"_", ""))
}

func TestPartitionsAreMadeAhead(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	today := time.Now().UTC().Truncate(day)
	var want []string
	for n := -1; n <= 7; n++ {
		want = append(want, today.Add(time.Duration(n)*day).Format("20060102"))
	}
	tomorrow := today.Add(day).Format("20060102")
	for _, table := range partitioned {
		require.Subset(t, partitions(t, url, table), want, table)
		_, err := testkit.SQL(t, url).Exec(t.Context(), `DROP TABLE `+table+`_`+tomorrow)
		require.NoError(t, err)
	}
	end := func() time.Time {
		end, err := s.PartitionsEnd(t.Context())
		require.NoError(t, err)
		return end
	}
	require.Equal(t, today.Add(day), end(), "later days do not help tomorrow")
	require.NoError(t, s.MakePartitions(t.Context()))
	require.Equal(t, today.Add(8*day), end())
	for _, table := range partitioned {
		require.Subset(t, partitions(t, url, table), want, "%s: what is missing is made, what is there stays", table)
	}
}

func TestDropPartitions(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	const keep = 30 * day
	today := time.Now().UTC().Truncate(day)
	for _, table := range partitioned {
		for n := 29; n <= 32; n++ {
			testkit.Partition(t, db, table, today.Add(-time.Duration(n)*day))
		}
		testkit.Partition(t, db, table, today.Add(-3000*day))
	}
	_, err := testkit.SQL(t, url).Exec(t.Context(), `CREATE TABLE events_other PARTITION OF events
		FOR VALUES FROM ('ffffffff-0000-0000-0000-000000000000') TO (MAXVALUE)`)
	require.NoError(t, err)

	dropped, err := s.DropPartitions(t.Context(), keep)
	require.NoError(t, err)
	require.Equal(t, 3+2*5, dropped, "of batches the days 31, 32 and 3,000 ago, and of keys those 29 and 30 ago as well")
	require.NoError(t, s.Retire(t.Context(), keep))
	for _, table := range partitioned {
		left := partitions(t, url, table)
		require.Contains(t, left, today.Add(-day).Format("20060102"), table)
		if strings.HasSuffix(table, "_keys") {
			require.NotContains(t, left, today.Add(-30*day).Format("20060102"), "%s: nobody looks for keys of that day", table)
			continue
		}
		// Of the day 30 days ago, the later hours are not older than that.
		require.Contains(t, left, today.Add(-30*day).Format("20060102"), table)
		require.Contains(t, left, today.Format("20060102"), table)
		require.NotContains(t, left, today.Add(-31*day).Format("20060102"), table)
	}
	require.Contains(t, partitions(t, url, "events"), "other", "what has no day in its name is not ours to drop")
	require.NoError(t, s.MakePartitions(t.Context()), "and what is retired is in nobody's way")

	dropped, err = s.DropPartitions(t.Context(), keep)
	require.NoError(t, err)
	require.Zero(t, dropped)
	days, err := s.RetiredDays(t.Context())
	require.NoError(t, err)
	require.Equal(t, []time.Time{today.Add(-3000 * day), today.Add(-32 * day), today.Add(-31 * day)}, days)
	for _, date := range days {
		require.NoError(t, s.DropRetired(t.Context(), date))
	}
	days, err = s.RetiredDays(t.Context())
	require.NoError(t, err)
	require.Empty(t, days)
	left := testkit.Value[int](t, url, `SELECT count(*) FROM pg_class WHERE relname ~ $1`, today.Add(-31*day).Format("20060102"))
	require.Zero(t, left, "there is nothing of that day")
}

// TestRowsLandInTheirDay stores rows at both ends of a day.
func TestRowsLandInTheirDay(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	first := event.FloorID(time.Now().UTC().Truncate(day).Add(day))
	last := event.FloorID(first.Time().Add(-time.Microsecond))
	for i := 8; i < 16; i++ {
		last[i] = 0xff
	}
	for _, id := range []event.ID{event.NewID(), last, first} {
		e := newEvent(tenant)
		e.ID, e.IdempotencyKey = id, id.Time().String()
		refusals, _, err := s.Accept(t.Context(), []store.NewEvent{e}, 1<<20)
		require.NoError(t, err)
		require.Equal(t, []store.Refusal{store.Accepted}, refusals)
		require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{{ID: id, Tenant: tenant, Event: id, Outcome: "success", Response: []byte{}}}))
		date := id.Time().Format("20060102")
		for table, column := range map[string]string{"events": "id", "attempts": "id", "event_keys": "event_id"} {
			got := testkit.Value[string](t, url, `SELECT tableoid::regclass::text FROM `+table+` WHERE `+column+` = $1`, [16]byte(id))
			require.Equal(t, table+"_"+date, got)
		}
	}
}

// queries collects what a store asks of the database.
type queries struct {
	mu  sync.Mutex
	all []pgx.TraceQueryStartData
}

func (q *queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, data)
	return ctx
}

func (*queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// take returns the queries so far that read or change a table, and forgets all.
func (q *queries) take(table string) []pgx.TraceQueryStartData {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.all
	q.all = nil
	return slices.DeleteFunc(all, func(d pgx.TraceQueryStartData) bool {
		sql := strings.Join(strings.Fields(d.SQL), " ")
		return !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "UPDATE") || !strings.Contains(sql, " "+table+" ")
	})
}

// partitionNames finds the partitions of a table in a plan.
func partitionNames(table string) *regexp.Regexp { return regexp.MustCompile(table + `_\d{8}`) }

// TestLookUpsSkipOtherDays has the database explain the queries that the store
// really makes.
func TestLookUpsSkipOtherDays(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	e := newEvent(tenant)
	e.IdempotencyKey = "key"
	emptied := newEvent(tenant)
	_, _, err := s.Accept(t.Context(), []store.NewEvent{e, emptied}, 1<<20)
	require.NoError(t, err)
	attempt := store.Attempt{ID: event.NewID(), Tenant: tenant, Event: e.ID, Endpoint: event.NewID(), Number: 1, Outcome: "success", Response: []byte{}}
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{attempt}))
	asked := &queries{}
	require.NoError(t, s.Trace(t.Context(), asked))

	for name, tt := range map[string]struct {
		table string
		ask   func() error
	}{
		"payload": {"events", func() error { _, err := s.Payload(t.Context(), tenant, e.ID); return err }},
		"event": {"events", func() error {
			_, err := s.Event(t.Context(), tenant, store.Ref{ID: e.ID}, true)
			return err
		}},
		"attempt": {"attempts", func() error {
			_, err := s.Attempt(t.Context(), tenant, e.ID, attempt.ID)
			return err
		}},
		"expunge event":   {"events", func() error { return s.ExpungeEvent(t.Context(), tenant, emptied.ID) }},
		"expunge attempt": {"attempts", func() error { return s.ExpungeAttempt(t.Context(), tenant, e.ID, attempt.ID) }},
		"sweep": {"events", func() error {
			n, err := s.Sweep(t.Context(), 0, 10, func(context.Context, []store.Batch) error { return nil })
			require.Equal(t, 1, n)
			return err
		}},
	} {
		asked.take("")
		require.NoError(t, tt.ask(), name)
		found := asked.take(tt.table)
		require.Len(t, found, 1, name)
		plan, err := s.Explain(t.Context(), found[0].SQL, found[0].Args)
		require.NoError(t, err, name)
		touched := slices.Compact(slices.Sorted(slices.Values(
			partitionNames(tt.table).FindAllString(strings.Join(plan, "\n"), -1))))
		require.Equal(t, []string{tt.table + "_" + e.ID.Time().Format("20060102")}, touched, "%s:\n%s", name, strings.Join(plan, "\n"))
	}
}
