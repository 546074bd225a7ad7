package store_test

import (
	"testing"
	"testing/fstest"
	"time"

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
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	_, err := db.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context()), "newer, and nothing says that we cannot live with it")
	require.NoError(t, s.Migrate(t.Context()))

	_, err = db.Exec(t.Context(), `UPDATE schema_compatibility SET oldest = 99999`)
	require.NoError(t, err)
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrNewerSchema)
	require.ErrorIs(t, s.Migrate(t.Context()), store.ErrNewerSchema)
}

// TestMigrationThatComesLate is of a lower number than one that was there before
// it, from another branch.
func TestMigrationThatComesLate(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyDatabase(t)
	s := testkit.Open(t, url)
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrOlderSchema)
	_, err := testkit.SQL(t, url).Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true);
		CREATE TABLE schema_compatibility (one boolean PRIMARY KEY DEFAULT true, oldest bigint NOT NULL);
		INSERT INTO schema_compatibility (oldest) VALUES (1)`)
	require.NoError(t, err)
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrOlderSchema, "something that this program needs is missing")
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Verify(t.Context()))
}

// TestMigrateRetired: a day that an older program has retired is read by this one.
func TestMigrateRetired(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	_, err := db.Exec(t.Context(), `ALTER TABLE attempts DROP COLUMN headers; CREATE TABLE attempts_20200101 (LIKE attempts);
		DELETE FROM goose_db_version WHERE version_id = 82`)
	require.NoError(t, err)
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrOlderSchema)
	require.NoError(t, s.Migrate(t.Context()))
	for _, err := range s.AttemptsRetired(t.Context(), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), nil, 10) {
		require.NoError(t, err)
	}
}

// TestMigrationsSayWhoWorksWithThem: which programs each leaves behind has to be
// decided when it is written.
func TestMigrationsSayWhoWorksWithThem(t *testing.T) {
	t.Parallel()
	migration := func(line string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(line + "\n\n-- +goose Up\n")} }
	files := fstest.MapFS{
		"00001_first.sql": migration(""),
		"00007_more.sql":  migration("-- Works with programs since 00001: a column more."),
		"00009_less.sql":  migration("-- Works with programs since 00007, which do not use it."),
		"00010_other.sql": migration("-- Works with programs since 00001."),
	}
	oldest, err := store.OldestProgram(files)
	require.NoError(t, err)
	require.EqualValues(t, 7, oldest, "one that works with the latest need not work with all before it")

	for _, bad := range []string{"", "-- Adds a column.", "-- Works with programs since always."} {
		files["00011_bad.sql"] = migration(bad)
		_, err := store.OldestProgram(files)
		require.ErrorContains(t, err, "migration 00011_bad.sql: its first line must be", bad)
	}
}
