package ingest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestRetention drops a day, without an archive and with one; and not while the
// archive cannot take it.
func TestRetention(t *testing.T) {
	t.Parallel()
	full := t.TempDir() + "/file" // where no folder can be made
	require.NoError(t, os.WriteFile(full, nil, 0o600))
	for name, tt := range map[string]struct {
		address string
		stays   bool
	}{
		"no archive": {},
		"an archive": {address: "file://" + t.TempDir()},
		"not there":  {address: "file://" + full, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testkit.Database(t)
			s, db := testkit.Open(t, url), testkit.SQL(t, url)
			date := time.Now().UTC().Truncate(24 * time.Hour).Add(-5 * 24 * time.Hour)
			testkit.Partition(t, db, "events", date)
			testkit.Partition(t, db, "batches", date)
			id := event.FloorID(date)
			_, err := db.Exec(t.Context(), `INSERT INTO events (id, tenant_id, event_type, payload) VALUES ($1, $1, 'a', '{}')`, [16]byte(id))
			require.NoError(t, err)

			stage := &Stage{Retention: 3 * 24 * time.Hour, Archive: tt.address}
			reg := prometheus.NewRegistry()
			r, stop, err := stage.newRetention(service.Env{Log: testkit.Log(t), Reg: reg, Store: s})
			require.NoError(t, err)
			defer stop()
			ran, err := s.Alone(t.Context(), store.Retention, r.dropOld)
			require.True(t, ran)
			require.Equal(t, tt.stays, err != nil, err)

			left := testkit.Value[int](t, url, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'events_'||$1`, date.Format("20060102"))
			if tt.stays {
				require.Equal(t, 1, left)
				require.Equal(t, []float64{1, 1}, []float64{sum(t, reg, "postrider_archive_failures_total"), sum(t, reg, "postrider_archive_backlog")})
				return
			}
			require.Zero(t, left)
			require.Zero(t, sum(t, reg, "postrider_archive_backlog"))
			if tt.address == "" {
				return
			}
			require.Equal(t, []float64{1}, []float64{sum(t, reg, "postrider_archived_rows_total")})
			require.Positive(t, sum(t, reg, "postrider_archived_bytes_total"))
			place, err := archive.Open(tt.address, os.LookupEnv)
			require.NoError(t, err)
			m, err := archive.Find(t.Context(), place, event.ID{}, id)
			require.NoError(t, err)
			require.Equal(t, "{}", string(m.Event.Payload))
		})
	}
}

// TestRetentionIsDoneByOne: while one process is at it, others do nothing.
func TestRetentionIsDoneByOne(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	date := time.Now().UTC().Truncate(24 * time.Hour).Add(-5 * 24 * time.Hour)
	testkit.Partition(t, db, "events", date)
	retired := func() bool {
		days, err := s.RetiredDays(t.Context())
		require.NoError(t, err)
		return len(days) > 0
	}
	exists := func() bool {
		return testkit.Value[bool](t, url, `SELECT to_regclass('events_'||$1) IS NOT NULL`, date.Format("20060102"))
	}
	stage := &Stage{Retention: 3 * 24 * time.Hour}
	run := func() (stop func()) {
		r, _, err := stage.newRetention(service.Env{Log: testkit.Log(t), Reg: prometheus.NewRegistry(), Store: s})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.run(ctx) }()
		return func() {
			cancel()
			require.NoError(t, <-done)
		}
	}
	ran, err := s.Alone(t.Context(), store.Retention, func(context.Context, *store.Store) error {
		run()()
		require.True(t, exists())
		require.False(t, retired())
		return nil
	})
	require.NoError(t, err)
	require.True(t, ran)
	stop := run()
	testkit.Eventually(t, func() bool { return !exists() }, "the next one does it")
	stop()
}

// sum is the value of a metric, over all of its labels.
func sum(t *testing.T, reg *prometheus.Registry, name string) (total float64) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}
