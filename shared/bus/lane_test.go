package bus_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// fill stores n messages in the lane.
func fill(t *testing.T, b *bus.Bus, l event.OwnLane, n int) {
	t.Helper()
	group := make([]bus.Message, n)
	for i := range group {
		group[i] = bus.Message{Subject: l.Subject(), ID: fmt.Sprint(l.Name(), i), Data: fmt.Append(nil, i)}
	}
	require.NoError(t, b.Publish(testkit.Context(t), group...))
}

// take opens a puller on the lane and returns its first messages.
func take(t *testing.T, b *bus.Bus, l event.OwnLane, n int) []*bus.Msg {
	t.Helper()
	p, err := b.Pull(bus.OwnLaneConsumer(l), n)
	require.NoError(t, err)
	defer p.Close()
	var all []*bus.Msg
	for len(all) < n {
		messages, err := p.Next(testkit.Context(t), n-len(all))
		require.NoError(t, err)
		all = append(all, messages...)
	}
	return all
}

func TestOwnLanesStandApart(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	of := event.OwnLane{Tenant: event.NewID()}
	at := event.OwnLane{Tenant: of.Tenant, Endpoint: event.NewID()}
	fill(t, b, of, 3)
	fill(t, b, at, 2)
	lanes, err := b.OwnLanes(ctx)
	require.NoError(t, err)
	require.Equal(t, map[event.OwnLane]int{of: 3, at: 2}, lanes)
	holds, err := b.LaneHolds(ctx, of)
	require.NoError(t, err)
	require.Equal(t, 3, holds)

	require.NoError(t, b.OpenLane(ctx, of))
	require.NoError(t, b.OpenLane(ctx, of), "it is open already")
	for i, m := range take(t, b, of, 3) {
		require.Equal(t, fmt.Sprint(i), string(m.Data), "a lane keeps its order")
		require.Equal(t, of.Subject(), m.Subject, "a tenant's lane has nothing of its endpoints' lanes")
		require.ErrorIs(t, b.CloseLane(ctx, of, 0), bus.ErrLaneBusy)
		m.Ack()
	}
	testkit.Eventually(t, func() bool { return b.CloseLane(ctx, of, 0) == nil }, "closed when all is acknowledged")
	require.NoError(t, b.CloseLane(ctx, of, 0), "it is closed already")

	lanes, err = b.OwnLanes(ctx)
	require.NoError(t, err)
	require.Equal(t, map[event.OwnLane]int{at: 2}, lanes, "what waits needs no consumer")
}

func TestResetLaneBringsBackWhatWasOut(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	l := event.OwnLane{Tenant: event.NewID(), Endpoint: event.NewID()}
	fill(t, b, l, 4)
	require.NoError(t, b.OpenLane(ctx, l))
	take(t, b, l, 2) // and the worker dies
	require.NoError(t, b.ResetLane(ctx, l))
	require.NoError(t, b.OpenLane(ctx, l))
	for i, m := range take(t, b, l, 4) {
		require.Equal(t, fmt.Sprint(i), string(m.Data))
		require.Equal(t, 1, m.Deliveries)
	}
}

func TestCloseLaneWithWhatWasGivenBack(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	l := event.OwnLane{Tenant: event.NewID()}
	fill(t, b, l, 3)
	require.NoError(t, b.OpenLane(ctx, l))
	out := take(t, b, l, 3)
	out[0].Nak(0)
	out[1].Nak(0)
	require.ErrorIs(t, b.CloseLane(ctx, l, 2), bus.ErrLaneBusy, "one is worked on")
	out[2].Ack()
	testkit.Eventually(t, func() bool { return b.CloseLane(ctx, l, 2) == nil }, "nothing is")

	require.NoError(t, b.OpenLane(ctx, l))
	for _, m := range take(t, b, l, 2) {
		require.Equal(t, 1, m.Deliveries)
	}
}

func TestDrainReturnsWhatArrived(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	l := event.OwnLane{Tenant: event.NewID()}
	fill(t, b, l, 8)
	require.NoError(t, b.OpenLane(ctx, l))
	p, err := b.Pull(bus.OwnLaneConsumer(l), 8)
	require.NoError(t, err)
	taken, err := p.Next(ctx, 8)
	require.NoError(t, err)
	// Of one request, nothing is lost between the two, whenever it arrives.
	taken = append(taken, p.Drain()...)
	backlog, err := b.Backlog(ctx, bus.OwnLaneConsumer(l))
	require.NoError(t, err)
	require.Equal(t, 8, len(taken)+backlog.Waiting)
	for _, m := range taken {
		m.Ack()
	}
	testkit.Eventually(t, func() bool { return b.CloseLane(ctx, l, 0) == nil }, "none is out")
}

func TestOpenLanesAreCapped(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	open := 0
	for {
		err := b.OpenLane(ctx, event.OwnLane{Tenant: event.NewID()})
		if err != nil {
			require.ErrorIs(t, err, bus.ErrNoLaneFree)
			break
		}
		open++
		require.LessOrEqual(t, open, 2*bus.MaxLanes)
	}
	require.Greater(t, open, bus.MaxLanes, "lanes that change hands are open twice")
}

func TestSignals(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	heard := make(chan event.OwnLane, 2)
	stop, err := b.OnSignal(func(l event.OwnLane) { heard <- l })
	require.NoError(t, err)
	defer stop()
	lanes := []event.OwnLane{{Tenant: event.NewID()}, {Tenant: event.NewID(), Endpoint: event.NewID()}}
	b.Signal(lanes...)
	for _, want := range lanes {
		require.Equal(t, want, testkit.Receive(t, heard))
	}
}
