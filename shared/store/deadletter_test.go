package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestRecordDeadLetters(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	letter := store.DeadLetter{Tenant: event.NewID(), Endpoint: event.NewID(), Event: event.NewID(), Type: "paid", Reason: "timeout", Attempts: 8}
	other := letter
	other.Endpoint = event.NewID()
	require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{letter, other, letter}), "the same twice in a group")
	require.Equal(t, 2, testkit.Value[int](t, url, `SELECT count(*) FROM dead_letters`))
	got, err := s.DeadLetter(t.Context(), letter.Endpoint, letter.Event)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), got.DiedAt, time.Minute)
	letter.DiedAt = got.DiedAt
	require.Equal(t, &letter, got)

	_, err = testkit.SQL(t, url).Exec(t.Context(), `UPDATE dead_letters SET died_at = now() - interval '1 day'`)
	require.NoError(t, err)
	again := letter
	again.Reason, again.Attempts = "gone", 1
	require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{again}))
	got, err = s.DeadLetter(t.Context(), letter.Endpoint, letter.Event)
	require.NoError(t, err)
	again.DiedAt = got.DiedAt
	require.Equal(t, &again, got, "what is said of the last death")
	require.Equal(t, 1, testkit.Value[int](t, url, `SELECT count(*) FROM dead_letters WHERE died_at > now() - interval '1 hour'`),
		"and it died now")
	require.Equal(t, 2, testkit.Value[int](t, url, `SELECT count(*) FROM dead_letters`))
	n, err := s.EstimateDeadLetters(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}

// TestManyDeadLetters: beyond what is counted, what PostgreSQL knows is told, and
// never less than was counted.
func TestManyDeadLetters(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	db := testkit.SQL(t, url)
	_, err := db.Exec(t.Context(), `INSERT INTO dead_letters (endpoint_id, event_id, tenant_id, event_type, reason, attempts)
		SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'paid', 'gone', 1 FROM generate_series(1, 100500)`)
	require.NoError(t, err)
	n, err := s.EstimateDeadLetters(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, int64(100_000))
	_, err = db.Exec(t.Context(), `ANALYZE dead_letters`)
	require.NoError(t, err)
	n, err = s.EstimateDeadLetters(t.Context())
	require.NoError(t, err)
	require.InEpsilon(t, 100_500, n, 0.05)
}
