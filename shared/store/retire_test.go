package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestRetire retires two days with events, attempts and dead letters, one of
// which died late.
func TestRetire(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	tenant, endpoint := testkit.Tenant(t, s), event.NewID()
	today := time.Now().UTC().Truncate(day)
	first, second, kept := today.Add(-12*day), today.Add(-11*day), today.Add(-10*day)
	ids := make(map[time.Time]event.ID)
	for _, date := range []time.Time{first, second, kept} {
		for _, table := range []string{"events", "attempts"} {
			testkit.Partition(t, db, table, date)
		}
		ids[date] = event.FloorID(date.Add(time.Hour))
		_, err := db.Exec(t.Context(), `INSERT INTO events (id, tenant_id, event_type, payload) VALUES ($1, $2, 'a', '{}')`, [16]byte(ids[date]), [16]byte(tenant))
		require.NoError(t, err)
		require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{{
			ID: ids[date], Tenant: tenant, Event: ids[date], Endpoint: endpoint, Number: 1, Outcome: "timeout", Response: []byte("none"),
		}}))
		require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{{Tenant: tenant, Endpoint: endpoint, Event: ids[date], Type: "a", Reason: "timeout", Attempts: 1}}))
	}
	retire := func(keep time.Duration) []time.Time {
		require.NoError(t, s.Retire(t.Context(), keep))
		require.NoError(t, s.Retire(t.Context(), keep), "again changes nothing")
		days, err := s.RetiredDays(t.Context())
		require.NoError(t, err)
		return days
	}
	letters := func(date time.Time) (events []event.ID) {
		for l, err := range s.DeadLettersRetired(t.Context(), date, nil, 10) {
			require.NoError(t, err)
			events = append(events, l.Event)
		}
		return events
	}
	counts := func(date time.Time) (all []int64) {
		for _, what := range []store.Retired{store.RetiredEvents, store.RetiredAttempts, store.RetiredDeadLetters} {
			n, err := s.CountRetired(t.Context(), date, what)
			require.NoError(t, err)
			all = append(all, n)
		}
		return all
	}

	require.Equal(t, []time.Time{first}, retire(11*day))
	require.Equal(t, []int64{1, 1, 1}, counts(first))
	_, err := s.Event(t.Context(), tenant, store.Ref{ID: ids[first]}, true)
	require.ErrorIs(t, err, store.ErrNotFound, "nobody finds what is retired")
	require.ErrorIs(t, s.ExpungeEvent(t.Context(), tenant, ids[first]), store.ErrNotFound, "and nothing changes in it")
	require.Equal(t, []event.ID{ids[second], ids[kept]}, dead(t, s, endpoint))

	late := event.FloorID(first.Add(2 * time.Hour))
	require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{{Tenant: tenant, Endpoint: endpoint, Event: late, Type: "a", Reason: "timeout"}}))
	require.Equal(t, []event.ID{ids[first]}, letters(first))
	require.Equal(t, []time.Time{first, second}, retire(10*day))
	require.Equal(t, []event.ID{ids[first]}, letters(first), "a retired day does not change")
	require.Equal(t, []event.ID{late, ids[second]}, letters(second), "the next one takes what died late")
	require.Equal(t, []event.ID{ids[kept]}, dead(t, s, endpoint))

	require.NoError(t, s.DropRetired(t.Context(), first))
	require.NoError(t, s.DropRetired(t.Context(), first), "again changes nothing")
	require.Equal(t, []time.Time{second}, retire(10*day))
}

// TestRetireGoesOn interrupts retiring a day after each of its statements that
// changes something.
func TestRetireGoesOn(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	date := time.Now().UTC().Truncate(day).Add(-12 * day)
	testkit.Partition(t, db, "events", date) // and none of attempts
	for n, stopped := 1, true; stopped; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		stopped = false
		count := 0
		interrupted := testkit.Open(t, url)
		require.NoError(t, interrupted.Trace(ctx, tracer(func(sql string) {
			if strings.HasPrefix(sql, "ALTER") || strings.HasPrefix(sql, "CREATE") || strings.Contains(sql, "DELETE") {
				if count++; count == n {
					stopped = true
					cancel()
				}
			}
		})))
		err := interrupted.Retire(ctx, 10*day)
		require.Equal(t, stopped, err != nil, err)
		cancel()
	}
	days, err := s.RetiredDays(t.Context())
	require.NoError(t, err)
	require.Equal(t, []time.Time{date}, days)
	require.NotContains(t, partitions(t, url, "events"), date.Format("20060102"))
}

// tracer is told of every statement before it is made.
type tracer func(sql string)

func (f tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	f(strings.TrimSpace(data.SQL))
	return ctx
}

func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestAloneNoMore: who has lost its connection is not alone any more, and can do
// nothing.
func TestAloneNoMore(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s, other := testkit.Open(t, url), testkit.Open(t, url)
	const duty = store.Retention
	try := func() bool {
		ran, err := other.Alone(t.Context(), duty, func(context.Context, *store.Store) error { return nil })
		require.NoError(t, err)
		return ran
	}
	ran, err := s.Alone(t.Context(), duty, func(_ context.Context, lent *store.Store) error {
		require.False(t, try())
		_, err := testkit.SQL(t, url).Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1`, int64(duty))
		require.NoError(t, err)
		testkit.Eventually(t, try, "another comes when the connection is gone")
		_, err = lent.RetiredDays(t.Context())
		require.Error(t, err, "and who had it can do nothing more")
		return nil
	})
	require.NoError(t, err)
	require.True(t, ran)
	require.True(t, try())
}
