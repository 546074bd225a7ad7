package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestDoubt: what was stored before is not taken for news, in all processes, even
// when it is in their hands already; and so it is after a reconnect.
func TestDoubt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := testkit.NATSAt(t, dir, 0)
	b, other := testkit.Connect(t, server.URL()), testkit.Connect(t, server.URL())
	publish(t, b, 2)
	p := pull(t, b, 1)
	take := func() *bus.Msg {
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		return messages[0]
	}
	first := take()
	require.False(t, first.Doubtful())
	require.False(t, first.Again())
	require.NoError(t, other.SpreadDoubt(first.Stored.Add(-time.Minute)))
	require.NoError(t, other.SpreadDoubt(first.Stored.Add(time.Millisecond)))
	testkit.Eventually(t, first.Doubtful, "the word comes")
	b.Doubt(first.Stored.Add(-time.Hour))
	require.True(t, first.Again(), "and is not taken back")
	first.Ack()

	id := b.Server()
	server.Stop()
	testkit.NATSAt(t, dir, testkit.Port(t, server.URL()))
	second := take()
	require.True(t, second.Doubtful())
	require.NotEqual(t, id, b.Server(), "a server that starts again is another")
}

// TestLeaderlessConsumerRaisesDoubt: what a consumer without a leader handed out may
// come again as if for the first time, to whomever.
func TestLeaderlessConsumerRaisesDoubt(t *testing.T) {
	t.Parallel()
	server, ctx := testkit.NATS(t), testkit.Context(t)
	b, other := testkit.Connect(t, server.URL()), testkit.Connect(t, server.URL())
	publish(t, b, 2)
	messages, err := pull(t, other, 1).Next(ctx, 1)
	require.NoError(t, err)
	p := pull(t, b, 1)
	_, err = p.Next(ctx, 1)
	require.NoError(t, err)
	require.False(t, messages[0].Again())

	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, js.DeleteConsumer(ctx, event.StreamEvents, bus.Fanout.Name))
	waiting, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = p.Next(waiting, 1)
	}()
	testkit.Eventually(t, messages[0].Again, "who pulls finds that nobody answers, and tells the others")
	stop()
	<-done
}
