package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestLooks(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	look, err := s.LastLook(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, store.Look{Marks: []store.StreamMark{}}, look)
	marks := []store.StreamMark{{Stream: "EVENTS", Created: time.Now().UTC().Truncate(time.Microsecond), LastSeq: 7, Config: []byte(`{"a": 1}`)}}
	_, err = s.MeetServer(t.Context(), "one")
	require.NoError(t, err)
	look, err = s.LastLook(t.Context(), "one")
	require.NoError(t, err)
	require.False(t, look.Met, "it was met, and not looked at")

	for _, seq := range []uint64{7, 8} {
		marks[0].LastSeq = seq
		require.NoError(t, s.SaveLook(t.Context(), "one", marks, time.Now(), nil))
		look, err = s.LastLook(t.Context(), "one")
		require.NoError(t, err)
		look.Marks[0].Created = look.Marks[0].Created.UTC()
		require.Equal(t, marks, look.Marks)
		require.True(t, look.Met)
		require.WithinDuration(t, time.Now(), look.At, time.Minute)
	}
	look, err = s.LastLook(t.Context(), "two")
	require.NoError(t, err)
	require.False(t, look.Met)
	require.NoError(t, s.SaveLook(t.Context(), "two", marks, time.Now(), &store.Reconciliation{Since: time.Now(), Reason: "a test"}))
	_, err = s.NextReconciliation(t.Context())
	require.NoError(t, err)
}

func TestMeetServer(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	first, err := s.MeetServer(t.Context(), "one")
	require.NoError(t, err)
	again, err := s.MeetServer(t.Context(), "one")
	require.NoError(t, err)
	require.True(t, first.Equal(again), "a process that starts again doubts nothing more")
	two, err := s.MeetServer(t.Context(), "two")
	require.NoError(t, err)
	require.True(t, two.After(first))
	r := &store.Reconciliation{Since: time.Now(), Reason: "a test"}
	require.NoError(t, s.AskReconciliation(t.Context(), r))
	again, err = s.MeetServer(t.Context(), "one")
	require.NoError(t, err)
	require.True(t, again.Equal(r.Created), "until when streams lost something")
}

// TestFloor goes back through the looks: what is somewhere now may have been in
// another place before, and there for long.
func TestFloor(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	base := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	at := func(seconds int) time.Time { return base.Add(time.Duration(seconds) * time.Second) }
	for _, row := range [][2]int{{10, 0}, {20, 19}, {30, 19}, {40, 25}, {50, 49}, {60, 58}, {70, 69}, {80, 79}, {90, 89}, {100, 99}, {110, 109}, {120, 119}} {
		_, err := testkit.SQL(t, url).Exec(t.Context(), `INSERT INTO stream_floors VALUES ($1, $2)`, at(row[0]), at(row[1]))
		require.NoError(t, err)
	}
	for _, tt := range []struct {
		name       string
		now, floor int
	}{
		{"each look leads to the one before", 120, 58},
		{"and each of those that found more to the next", 60, 0},
		{"never past the first", 10, 0},
		{"of a time before the first", 5, 0},
	} {
		floor, err := s.Floor(t.Context(), at(tt.now))
		require.NoError(t, err)
		require.Equal(t, at(tt.floor), floor.UTC(), tt.name)
	}
}

// TestFloorRemembersTheOutbox: an event that was published late is older than its
// message, and so is what a reconciliation puts on its way.
func TestFloorRemembersTheOutbox(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	old := newEvent(testkit.Tenant(t, s))
	old.ID = event.FloorID(time.Now().Add(-time.Hour))
	_, batches, err := s.Accept(t.Context(), []store.NewEvent{old}, 1<<20)
	require.NoError(t, err)
	look := func() time.Time {
		require.NoError(t, s.SaveLook(t.Context(), "one", nil, time.Now(), nil))
		floor, err := s.Floor(t.Context(), time.Now())
		require.NoError(t, err)
		return floor
	}
	require.WithinDuration(t, old.ID.Time(), look(), time.Second)
	require.NoError(t, s.MarkPublished(t.Context(), []store.Published{{Batch: batches[0].ID}}))
	require.WithinDuration(t, old.ID.Time(), look(), time.Second, "it was published since")
	for range 10 {
		look()
	}
	require.WithinDuration(t, time.Now(), look(), time.Minute)
	require.Less(t, testkit.Value[int](t, url, `SELECT count(*) FROM stream_floors`), 12, "what nobody asks for goes")

	since := time.Now().Add(-2 * time.Hour)
	require.NoError(t, s.AskReconciliation(t.Context(), &store.Reconciliation{Since: since, Reason: "a test"}))
	require.WithinDuration(t, since, look(), time.Second)
}

func TestAlone(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	one, two := testkit.Open(t, url), testkit.Open(t, url)
	ran, err := one.Alone(t.Context(), store.Watching, func(ctx context.Context, s *store.Store) error {
		ran, err := two.Alone(ctx, store.Watching, func(context.Context, *store.Store) error { panic("not alone") })
		require.NoError(t, err)
		require.False(t, ran)
		require.NoError(t, s.Within(ctx, func(*store.Store) error { return nil }))
		return context.Canceled
	})
	require.True(t, ran)
	require.ErrorIs(t, err, context.Canceled)
	ran, err = two.Alone(t.Context(), store.Watching, func(context.Context, *store.Store) error { return nil })
	require.NoError(t, err)
	require.True(t, ran)
}
