package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestParsePast(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"10m":                  now.Add(-10 * time.Minute),
		"2026-11-21T11:00:00Z": now.Add(-time.Hour),
	} {
		got, err := parsePast("since", text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got))
	}
	for _, text := range []string{"", "-10m", "0s", "yesterday", "2026-11-21T13:00:00Z"} {
		_, err := parsePast("since", text, now)
		require.ErrorContains(t, err, "since is", text)
	}
}

// TestReconcile does the work by itself, since there is no dlq process.
func TestReconcile(t *testing.T) {
	t.Parallel()
	database, nats := testkit.Database(t), testkit.NATS(t).URL()
	s := testkit.Open(t, database)
	testkit.Connect(t, nats)
	tenant := testkit.Tenant(t, s)
	testkit.Endpoint(t, s, tenant, "https://example.com")
	e := event.Event{ID: event.NewID(), Tenant: tenant, Type: "a", Payload: []byte("{}")}
	_, batches, err := s.Accept(t.Context(), []store.NewEvent{{Event: e}}, 1<<20)
	require.NoError(t, err)
	require.NoError(t, s.MarkPublished(t.Context(), []store.Published{{Batch: batches[0].ID}}))
	out := must(t, nil, "reconcile", "-database-url", database, "-nats-url", nats, "-since", "10m")
	require.Regexp(t, `(?m)^ +1 events$`, out)
	require.Regexp(t, `(?m)^ +0 retries$`, out)
}
