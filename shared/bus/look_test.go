package bus_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// peek returns what up to n messages say.
func peek(t *testing.T, b *bus.Bus, stream, filter string, newest bool, n int) (said []string) {
	t.Helper()
	for m, err := range b.Peek(testkit.Context(t), stream, filter, newest) {
		require.NoError(t, err)
		require.Equal(t, stream, m.Stream)
		require.WithinDuration(t, time.Now(), m.At, time.Minute)
		said = append(said, string(m.Data))
		if len(said) == n {
			break
		}
	}
	return said
}

func TestPeek(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	first, second := event.OwnLane{Tenant: event.NewID()}, event.OwnLane{Tenant: event.NewID(), Endpoint: event.NewID()}
	fill(t, b, first, 3)
	fill(t, b, second, 2)
	take(t, b, open(t, b, first), 1)[0].Ack()
	testkit.Eventually(t, func() bool { return len(peek(t, b, event.StreamOverflow, ">", false, 9)) == 4 }, "one is gone")

	require.Equal(t, []string{"1", "2", "0", "1"}, peek(t, b, event.StreamOverflow, ">", false, 9))
	require.Equal(t, []string{"1", "0", "2", "1"}, peek(t, b, event.StreamOverflow, ">", true, 9))
	require.Equal(t, []string{"1", "2"}, peek(t, b, event.StreamOverflow, first.Subject(), false, 9))
	require.Equal(t, []string{"2", "1"}, peek(t, b, event.StreamOverflow, "overflow.*", true, 9))
	require.Equal(t, []string{"1"}, peek(t, b, event.StreamOverflow, "overflow.*.>", true, 1))
	require.Empty(t, peek(t, b, event.StreamDLQ, ">", true, 9))
	require.Equal(t, []string{"1", "2", "0", "1"}, peek(t, b, event.StreamOverflow, ">", false, 9), "nothing is taken away")
	for _, err := range b.Peek(testkit.Context(t), "NONE", ">", false) {
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	}
}

// TestDiscover learns of shards from the streams alone, and shows what is there.
func TestDiscover(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	testkit.Divide(t, testkit.Connect(t, server.URL()), 3)
	b, err := bus.Connect(bus.Options{URL: server.URL(), Name: "test"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	states, err := b.Discover(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, b.Shards())
	require.Len(t, states, 4*4+3)

	tenant := event.NewID()
	fill(t, b, event.OwnLane{Tenant: tenant}, 1)
	states, err = b.Discover(ctx)
	require.NoError(t, err)
	stream := event.ShardOf(tenant, 3).Stream(event.StreamOverflow)
	require.EqualValues(t, 1, states[stream].Messages)
	require.Positive(t, states[stream].Bytes)
	require.Positive(t, states[stream].MaxBytes)
	require.NotEmpty(t, states[stream].Description)
}

// TestPausedConsumer is what the guide to streams says of "nats consumer pause": a
// shared lane hands out nothing until it ends or is resumed, bootstrap does not end
// it, and then nothing is missing.
func TestPausedConsumer(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	d := &event.Delivery{Tenant: event.NewID(), Attempt: 1}
	lane := bus.LaneConsumer(d.Lane())
	p, err := b.Pull(lane, 8)
	require.NoError(t, err)
	defer p.Close()
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	paused, err := js.PauseConsumer(ctx, lane.Stream, lane.Name, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.True(t, paused.Paused)

	require.NoError(t, b.Bootstrap(ctx, bus.Layout{Replicas: 1, Shards: 1}))
	require.NoError(t, b.Publish(ctx, bus.Message{Subject: d.Subject(), Tenant: d.Tenant, ID: "1", Data: []byte("paused")}))
	consumers, err := b.Consumers(ctx, lane.Stream)
	require.NoError(t, err)
	require.Len(t, consumers, len(event.Lanes()))
	at := slices.IndexFunc(consumers, func(c bus.ConsumerState) bool { return c.Consumer == lane })
	require.GreaterOrEqual(t, at, 0)
	require.Positive(t, consumers[at].Paused)
	require.EqualValues(t, 1, consumers[at].Waiting)
	require.Equal(t, d.Lane().Filter(), consumers[at].Filter)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err = p.Next(short, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded, "it is handed out to nobody")

	_, err = js.ResumeConsumer(ctx, lane.Stream, lane.Name)
	require.NoError(t, err)
	messages, err := p.Next(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, "paused", string(messages[0].Data))
	messages[0].Ack()
}
