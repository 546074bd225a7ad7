package bus_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestCensus asks nobody, two processes, and one that is left of them.
func TestCensus(t *testing.T) {
	t.Parallel()
	url := testkit.NATS(t).URL()
	asker := testkit.Connect(t, url)
	census := asker.Census("top.test")
	ask := func() []string {
		answers, err := census.Take(testkit.Context(t))
		require.NoError(t, err)
		var texts []string
		for _, a := range answers {
			texts = append(texts, string(a))
		}
		slices.Sort(texts)
		return texts
	}
	require.Empty(t, ask(), "told that nobody is there")
	answer := func(text string) (stop func()) {
		stop, err := testkit.Connect(t, url).Answer("top.test", func() []byte { return []byte(text) })
		require.NoError(t, err)
		return stop
	}
	stop := answer("one")
	testkit.Eventually(t, func() bool { return slices.Equal([]string{"one"}, ask()) }, "one answers")
	answer("two")
	testkit.Eventually(t, func() bool { return slices.Equal([]string{"one", "two"}, ask()) }, "one who has come since is found")
	stop()
	testkit.Eventually(t, func() bool { return slices.Equal([]string{"two"}, ask()) }, "one is left")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := census.Take(gone)
	require.ErrorIs(t, err, context.Canceled)
}

// TestStored counts and finds what is in two lanes.
func TestStored(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	began := time.Now()
	of := event.OwnLane{Tenant: event.NewID()}
	at := event.OwnLane{Tenant: of.Tenant, Endpoint: event.NewID()}
	none := event.OwnLane{Tenant: event.NewID()}
	fill(t, b, of, 3)
	fill(t, b, at, 2)
	subjects, err := b.Subjects(ctx, event.StreamOverflow, ">")
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{of.Subject(): 3, at.Subject(): 2}, subjects)

	found, err := b.First(ctx, event.StreamOverflow, at.Subject(), none.Subject(), event.SubjectsOverflow)
	require.NoError(t, err)
	require.Equal(t, []string{at.Subject(), of.Subject()}, []string{found[0].Subject, found[1].Subject})
	require.Len(t, found, 2)
	require.False(t, found[0].At.Before(found[1].At), "it was put in later")
	require.WithinRange(t, found[1].At, began.Add(-time.Second), time.Now().Add(time.Second))

	_, err = b.First(ctx, "NONE", ">")
	require.Error(t, err)
	empty, err := b.Subjects(ctx, event.StreamDeliver, ">")
	require.NoError(t, err)
	require.Empty(t, empty)
}
