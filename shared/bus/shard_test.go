package bus_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// tenantIn makes a tenant of the shard, when there are n.
func tenantIn(s event.Shard, n int) event.ID {
	for {
		if id := event.NewID(); event.ShardOf(id, n) == s {
			return id
		}
	}
}

// TestShardsStandApart: each has streams and consumers of its own, and who asks for
// all gets the sum.
func TestShardsStandApart(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	require.NoError(t, b.Publish(ctx, bus.Message{Subject: event.SubjectEvents, ID: "before", Data: []byte("whole")}))
	testkit.Divide(t, b, 2)
	require.NoError(t, b.Verify(ctx))
	for _, s := range event.Shards(2)[1:] {
		tenant := tenantIn(s, 2)
		require.NoError(t, b.Publish(ctx, bus.Message{Subject: event.SubjectEvents, Tenant: tenant, ID: "after", Data: []byte(s)}))
	}
	backlog, err := b.Backlog(ctx, bus.Fanout)
	require.NoError(t, err)
	require.Equal(t, bus.Backlog{Waiting: 3}, backlog)
	subjects, err := b.Subjects(ctx, event.StreamEvents, "events.>")
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{event.SubjectEvents: 3}, subjects)
	first, err := b.First(ctx, event.StreamEvents, event.SubjectEvents, event.SubjectWide)
	require.NoError(t, err)
	require.Len(t, first, 1)
	for _, s := range event.Shards(2) {
		messages := take(t, b, bus.Fanout.In(s), 1)
		require.Equal(t, event.SubjectEvents, messages[0].Subject)
		if s == event.Whole {
			require.Equal(t, "whole", string(messages[0].Data), "what was there before stays where it was")
			require.Equal(t, messages[0].Stored.UTC(), first[0].At.UTC(), "it is the oldest")
		} else {
			require.Equal(t, string(s), string(messages[0].Data))
		}
	}
	require.Error(t, b.Publish(ctx, bus.Message{Subject: event.SubjectEvents, ID: "nobody's"}), "without a tenant there is no shard")
	require.NoError(t, b.Publish(ctx, bus.Message{Subject: event.TaskSubject("resend"), ID: "task"}), "TASKS is not divided")
}

// TestEachShardHearsOfThoseAdded: work on a shard begins when it is there, once, and
// the first error ends all.
func TestEachShardHearsOfThoseAdded(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	begun, broken := make(chan event.Shard, 8), fmt.Errorf("broken")
	ended := make(chan error, 1)
	fail := make(chan struct{})
	go func() {
		ended <- b.EachShard(t.Context(), func(ctx context.Context, s event.Shard) error {
			begun <- s
			select {
			case <-ctx.Done():
				return nil
			case <-fail:
				return broken
			}
		})
	}()
	require.Equal(t, event.Whole, testkit.Receive(t, begun))
	b.Divide(2)
	b.Divide(1) // is no news
	b.Divide(3)
	var added []event.Shard
	for range 3 {
		added = append(added, testkit.Receive(t, begun))
	}
	require.ElementsMatch(t, event.Shards(3)[1:], added)
	close(fail)
	require.ErrorIs(t, testkit.Receive(t, ended), broken)
	require.Empty(t, begun)
}

// TestLaneIsWorkedOnWhereItWas: a lane with messages in the shard that its tenant
// was in before is opened there until they are done.
func TestLaneIsWorkedOnWhereItWas(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	l := event.OwnLane{Tenant: tenantIn("2", 3), Endpoint: event.NewID()}
	was := []event.Shard{event.Whole, event.ShardOf(l.Tenant, 2), "2"}
	for i := range was {
		testkit.Divide(t, b, i+1)
		fill(t, b, l, i+1)
	}
	holds, err := b.LaneHolds(ctx, l)
	require.NoError(t, err)
	require.Equal(t, 6, holds)
	lanes, err := b.OwnLanes(ctx)
	require.NoError(t, err)
	require.Equal(t, map[event.OwnLane]int{l: 6}, lanes)
	for i, s := range was {
		c := open(t, b, l)
		require.Equal(t, s, c.Shard)
		require.Equal(t, s != "2", b.Drains(l, c))
		for _, m := range take(t, b, c, i+1) {
			require.Equal(t, l.Subject(), m.Subject)
			m.Ack()
		}
		testkit.Eventually(t, func() bool { return b.CloseLane(ctx, l, 0) == nil }, "closed")
	}
	require.Equal(t, event.Shard("2"), open(t, b, l).Shard, "what comes next comes there")
}
