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
		group[i] = bus.Message{Subject: l.Subject(), Tenant: l.Tenant, ID: fmt.Sprint(l.Name(), i), Data: fmt.Append(nil, i)}
	}
	require.NoError(t, b.Publish(testkit.Context(t), group...))
}

// open opens the lane.
func open(t *testing.T, b *bus.Bus, l event.OwnLane) bus.Consumer {
	t.Helper()
	c, err := b.OpenLane(testkit.Context(t), l)
	require.NoError(t, err)
	return c
}

// take opens a puller and returns its first messages.
func take(t *testing.T, b *bus.Bus, c bus.Consumer, n int) []*bus.Msg {
	t.Helper()
	p, err := b.Pull(c, n)
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

	lane := open(t, b, of)
	require.Equal(t, lane, open(t, b, of), "it is open already")
	for i, m := range take(t, b, lane, 3) {
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
	take(t, b, open(t, b, l), 2) // and the worker dies
	require.NoError(t, b.ResetLane(ctx, l))
	for i, m := range take(t, b, open(t, b, l), 4) {
		require.Equal(t, fmt.Sprint(i), string(m.Data))
		require.Equal(t, 1, m.Deliveries)
	}
}

func TestCloseLaneWithWhatWasGivenBack(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	l := event.OwnLane{Tenant: event.NewID()}
	fill(t, b, l, 3)
	out := take(t, b, open(t, b, l), 3)
	out[0].Nak(0)
	out[1].Nak(0)
	require.ErrorIs(t, b.CloseLane(ctx, l, 2), bus.ErrLaneBusy, "one is worked on")
	out[2].Ack()
	testkit.Eventually(t, func() bool { return b.CloseLane(ctx, l, 2) == nil }, "nothing is")

	for _, m := range take(t, b, open(t, b, l), 2) {
		require.Equal(t, 1, m.Deliveries)
	}
}

func TestDrainReturnsWhatArrived(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	l := event.OwnLane{Tenant: event.NewID()}
	fill(t, b, l, 8)
	p, err := b.Pull(open(t, b, l), 8)
	require.NoError(t, err)
	taken, err := p.Next(ctx, 8)
	require.NoError(t, err)
	// What the server has handed out may still be on its way.
	testkit.Eventually(t, func() bool { return len(taken)+p.Arrived() == 8 }, "all have arrived")
	taken = append(taken, p.Drain()...)
	require.Len(t, taken, 8)
	for _, m := range taken {
		m.Ack()
	}
	testkit.Eventually(t, func() bool { return b.CloseLane(ctx, l, 0) == nil }, "none is out")
}

func TestOpenLanesAreCapped(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	n := 0
	for {
		_, err := b.OpenLane(ctx, event.OwnLane{Tenant: event.NewID()})
		if err != nil {
			require.ErrorIs(t, err, bus.ErrNoLaneFree)
			break
		}
		n++
		require.LessOrEqual(t, n, 2*bus.MaxLanes)
	}
	require.Greater(t, n, bus.MaxLanes, "lanes that change hands are open twice")
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
