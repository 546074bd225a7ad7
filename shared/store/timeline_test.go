package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestTimelineIsBounded cuts every kind of what a timeline is made of.
func TestTimelineIsBounded(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoints := make([]event.ID, 3)
	for i := range endpoints {
		e := store.Endpoint{ID: event.NewID(), Tenant: tenant, URL: "https://example.com/hook"}
		require.NoError(t, s.CreateEndpoint(t.Context(), &e, signature.GenerateKey()))
		endpoints[i] = e.ID
	}
	id := accept(t, s, tenant, 2)[1]
	read := func(limit int) *store.Timeline {
		line, err := s.Timeline(t.Context(), tenant, id, limit)
		require.NoError(t, err)
		return line
	}
	line := read(3)
	require.Equal(t, endpoints, line.Pending)
	require.False(t, line.More, "three were asked for, and there are three")
	require.True(t, line.Published.IsZero())
	line = read(2)
	require.Equal(t, endpoints[:2], line.Pending)
	require.True(t, line.More)

	_, err := s.Sweep(t.Context(), 0, 10, func(context.Context, []store.Batch) error { return nil })
	require.NoError(t, err)
	d := between(tenant, endpoints[0], id)
	for range 3 {
		try(t, s, d, "timeout", 0)
	}
	last := try(t, s, between(tenant, endpoints[1], id), "success", 0)
	line = read(3)
	require.WithinDuration(t, time.Now(), line.Published, time.Minute)
	require.Len(t, line.Attempts, 3)
	require.Equal(t, last.ID, line.Attempts[2].ID, "the newest are kept")
	require.True(t, line.More)
	require.Equal(t, endpoints[2:], line.Pending)
	require.False(t, read(4).More)

	letters := make([]store.DeadLetter, 5)
	for i := range letters {
		letters[i] = store.DeadLetter{Tenant: tenant, Endpoint: event.NewID(), Event: id, Type: "a", Reason: "timeout"}
	}
	require.NoError(t, s.RecordDeadLetters(t.Context(), letters))
	line = read(4)
	require.Len(t, line.Dead, 4)
	require.True(t, line.More)
	line = read(5)
	require.False(t, line.More)
	require.Equal(t, endpoints[2:], line.Pending)

	letters[0].Endpoint = endpoints[2]
	require.NoError(t, s.RecordDeadLetters(t.Context(), letters[:1]))
	require.Empty(t, read(10).Pending, "what was not sent is not on its way")
}
