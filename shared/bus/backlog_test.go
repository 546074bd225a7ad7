package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestHolds: what nobody is done with, in all shards, and since when.
func TestHolds(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	testkit.Divide(t, b, 2)
	holds := func() bus.Holding {
		h, err := b.Holds(ctx, event.StreamEvents)
		require.NoError(t, err)
		return h
	}
	require.Zero(t, holds())
	for _, s := range event.Shards(2)[1:] {
		require.NoError(t, b.Publish(ctx, bus.Message{Subject: event.SubjectEvents, Tenant: tenantIn(s, 2), ID: string(s)}))
	}
	first := take(t, b, bus.Fanout.In("0"), 1)[0]
	require.Equal(t, 2, holds().Messages, "handed out is not done")
	require.True(t, holds().Oldest.Equal(first.Stored))
	first.Ack()
	testkit.Eventually(t, func() bool { return holds().Messages == 1 }, "acknowledged")
	require.True(t, holds().Oldest.After(first.Stored))
}

// TestHeads: the queues of a stream with their oldest, shard by shard.
func TestHeads(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	testkit.Divide(t, b, 2)
	began := time.Now()
	want := make(map[string]int)
	for i, s := range event.Shards(2)[1:] {
		l := event.OwnLane{Tenant: tenantIn(s, 2)}
		for range i + 1 {
			require.NoError(t, b.Publish(ctx, bus.Message{Subject: l.Subject(), Tenant: l.Tenant}))
			want[l.Subject()]++
		}
		l.Endpoint = event.NewID()
		require.NoError(t, b.Publish(ctx, bus.Message{Subject: l.Subject(), Tenant: l.Tenant}))
	}
	queues, err := b.Queues(ctx, event.StreamOverflow, event.SubjectsOfTenants)
	require.NoError(t, err)
	got := make(map[string]int)
	for _, q := range queues {
		got[q.Subject] += q.Messages
	}
	require.Equal(t, want, got)
	heads, err := b.Heads(ctx, queues...)
	require.NoError(t, err)
	for _, head := range heads {
		require.WithinRange(t, head, began, time.Now())
	}
	queues[0].Subject = event.OwnLane{Tenant: event.NewID()}.Subject()
	heads, err = b.Heads(ctx, queues...)
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, []bool{heads[0].IsZero(), heads[1].IsZero()}, "one is empty by now")
}
