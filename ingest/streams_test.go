package ingest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestStreams looks at what a delivery changes, and finds nothing while NATS is away.
func TestStreams(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	d := event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Type: "a", Attempt: 1}
	send(t, b, d, d.Subject())
	look := newStreams(b)
	found, err := look.now(testkit.Context(t))
	require.NoError(t, err)
	require.Equal(t, []string{event.StreamEvents, event.StreamDeliver}, []string{found[0].Name, found[1].Name}, "in the order of an event's way")
	deliver := found[1]
	require.EqualValues(t, 1, deliver.Messages)
	require.False(t, deliver.Oldest.IsZero())
	require.Len(t, deliver.Consumers, len(event.Lanes()))
	for _, c := range deliver.Consumers {
		waiting := uint64(0)
		if c.Name == string(d.Lane()) {
			waiting = 1
		}
		require.Equal(t, waiting, c.Waiting, c.Name)
	}

	look.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = look.now(ctx)
	require.ErrorIs(t, err, context.Canceled, "somebody else looks")
	<-look.turn
	server.Stop()
	testkit.Eventually(t, func() bool { return b.Connected() != nil }, "it is away")
	_, err = look.now(t.Context())
	require.ErrorIs(t, err, bus.ErrDisconnected)
}
