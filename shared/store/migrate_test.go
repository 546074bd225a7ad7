package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMigrateAgainChangesNothing(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Verify(t.Context()))
	_, err := s.Tenant(t.Context(), store.Ref{ID: tenant})
	require.NoError(t, err)
}

// TestMigrateFromManyAtOnce does what several processes do that start together
// on a new database.
func TestMigrateFromManyAtOnce(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyDatabase(t)
	work, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		s, err := store.Open(ctx, url, 2) // as bootstrap does
		require.NoError(t, err)
		t.Cleanup(s.Close)
		work.Go(func() error { return s.Migrate(ctx) })
	}
	require.NoError(t, work.Wait())
	s := testkit.Open(t, url)
	require.NoError(t, s.Verify(t.Context()))
	_, _, err := s.Accept(t.Context(), []store.NewEvent{newEvent(testkit.Tenant(t, s))}, 1<<20)
	require.NoError(t, err, "and there are partitions to write to")
}

func TestVerify(t *testing.T) {
	t.Parallel()
	empty := testkit.Open(t, testkit.EmptyDatabase(t))
	require.ErrorIs(t, empty.Verify(t.Context()), store.ErrOlderSchema)
	require.NoError(t, empty.Migrate(t.Context()))
	require.NoError(t, empty.Verify(t.Context()))

	url := testkit.Database(t)
	s := testkit.Open(t, url)
	_, err := testkit.SQL(t, url).Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	require.NoError(t, err)
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrNewerSchema)
	require.ErrorIs(t, s.Migrate(t.Context()), store.ErrNewerSchema)
}
