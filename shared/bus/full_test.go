package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// large are messages for EVENTS of 100 KiB each.
func large(t *testing.T, n int) []bus.Message {
	t.Helper()
	group := make([]bus.Message, n)
	for i := range group {
		group[i] = bus.Message{Subject: event.SubjectEvents, ID: fmt.Sprint(t.Name(), i), Data: make([]byte, 100<<10)}
	}
	return group
}

// TestFullStream fills a stream to its limit: it takes nothing more and throws
// nothing away, says which of a group it has not taken, and goes on by itself when
// something has left it.
func TestFullStream(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.LimitStream(t, server.URL(), event.StreamEvents, 250<<10)
	group := large(t, 4)
	group = append(group, bus.Message{Subject: event.TaskSubject("x"), ID: "task", Data: []byte("x")})

	err := b.Publish(testkit.Context(t), group...)
	require.ErrorIs(t, err, bus.ErrFull)
	require.ErrorContains(t, err, "publish 2 of 5 messages: EVENTS: stream is full")
	var unpublished *bus.UnpublishedError
	require.ErrorAs(t, err, &unpublished)
	require.Equal(t, []int{2, 3}, unpublished.Left)
	require.Equal(t, 1, testkit.StreamMessages(t, server.URL(), event.StreamTasks), "other streams have nothing to do with it")
	require.NoError(t, b.Health(), "it took something just now")
	err = b.Publish(testkit.Context(t), group[2])
	require.ErrorIs(t, err, bus.ErrFull)
	require.True(t, b.Refuses(event.StreamEvents, event.ID{}))
	require.False(t, b.Refuses(event.StreamTasks, event.ID{}))

	waits, done := make(chan error, 1), make(chan error, 1)
	go func() {
		done <- b.Insist(testkit.Context(t), func(err error) { waits <- err }, group...)
	}()
	require.ErrorIs(t, testkit.Receive(t, waits), bus.ErrFull)
	testkit.Eventually(t, func() bool { return errors.Is(b.Health(), bus.ErrFull) }, "it has taken nothing for a while")
	p := pull(t, b, 8)
	for range 4 {
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		messages[0].Ack()
	}
	require.NoError(t, testkit.Receive(t, done))
	require.NoError(t, b.Health())
	require.Equal(t, 1, testkit.StreamMessages(t, server.URL(), event.StreamTasks), "what it took is not published again")
}

// TestInsistEnds with its context, and tells why it had not ended before.
func TestInsistEnds(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.LimitStream(t, server.URL(), event.StreamEvents, 10<<10)
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Insist(ctx, func(error) { cancel() }, large(t, 1)...)
	require.ErrorIs(t, err, bus.ErrFull)
}

// TestInsistAsksToLookAgain: what is published a second time may be on the stream
// already, for longer than that remembers.
func TestInsistAsksToLookAgain(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	d := event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 1, Payload: []byte("p")}
	data, err := d.Encode()
	require.NoError(t, err)
	testkit.LimitStream(t, server.URL(), event.StreamDeliver, 10)
	err = b.Insist(testkit.Context(t), func(error) {
		testkit.LimitStream(t, server.URL(), event.StreamDeliver, 0)
	}, bus.Message{Subject: d.Subject(), ID: d.Key(), Data: data})
	require.NoError(t, err)
	d.Recheck = true
	require.Equal(t, []*event.Delivery{&d}, testkit.Deliveries(t, server.URL(), event.StreamDeliver))
}

// TestMissingStream is told from one that is full.
func TestMissingStream(t *testing.T) {
	t.Parallel()
	b, err := bus.Connect(bus.Options{URL: testkit.NATS(t).URL(), Name: "test"})
	require.NoError(t, err)
	defer b.Close()
	require.ErrorIs(t, b.Publish(testkit.Context(t), large(t, 1)...), bus.ErrNoStream)
	require.ErrorIs(t, b.Health(), bus.ErrNoStream)
}

// TestLimits: what the streams may take together is what was asked for.
func TestLimits(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	const bytes = 64 << 20
	require.NoError(t, b.Bootstrap(testkit.Context(t), bus.Layout{Replicas: 1, Shards: 1, Bytes: bytes}))
	var sum int64
	for _, stream := range []string{event.StreamEvents, event.StreamDeliver, event.StreamOverflow, event.StreamRetry, event.StreamDLQ, event.StreamTasks} {
		limit := testkit.StreamLimit(t, server.URL(), stream)
		require.Positive(t, limit, stream)
		sum += limit
	}
	require.EqualValues(t, bytes, sum)
	err := b.Bootstrap(testkit.Context(t), bus.Layout{Replicas: 1, Shards: 1, Bytes: 1 << 50})
	require.ErrorContains(t, err, "set POSTRIDER_STREAM_BYTES to less")
}

// TestTrimDLQ: DLQ makes room of what is recorded, and of nothing else.
func TestTrimDLQ(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.LimitStream(t, server.URL(), event.StreamDLQ, 1<<20)
	testkit.PublishRaw(t, server.URL(), event.PoisonSubject("EVENTS", "fanout"), event.Format, []byte("poison"))
	letters := large(t, 9)
	for i := range letters {
		letters[i].Subject = fmt.Sprintf("dlq.app_%d.ep_%d", i, i)
	}
	require.NoError(t, b.Publish(ctx, letters...))
	require.NoError(t, b.TrimDLQ(ctx))
	require.Equal(t, 10, testkit.StreamMessages(t, server.URL(), event.StreamDLQ), "nothing is recorded")

	p, err := b.Pull(bus.DLQ, 8)
	require.NoError(t, err)
	defer p.Close()
	const recorded = 6
	for range recorded {
		messages, err := p.Next(ctx, 1)
		require.NoError(t, err)
		messages[0].Ack()
	}
	testkit.Eventually(t, func() bool {
		require.NoError(t, b.TrimDLQ(ctx))
		return testkit.StreamMessages(t, server.URL(), event.StreamDLQ) <= 6
	}, "what is recorded goes")
	for range 5 {
		require.NoError(t, b.TrimDLQ(ctx))
	}
	messages := testkit.Messages(t, server.URL(), event.StreamDLQ)
	require.GreaterOrEqual(t, len(messages), 10-recorded)
	require.Equal(t, "poison", string(messages[0].Data))
	for _, m := range letters[recorded:] {
		require.True(t, contains(messages, m.Subject), m.Subject)
	}
}

func contains(messages []testkit.Stored, subject string) bool {
	for _, m := range messages {
		if m.Subject == subject {
			return true
		}
	}
	return false
}

// TestSilentServer: a server that hangs is told from one that is well, and given
// up in seconds.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	wire := testkit.NewWire(t, testkit.NATS(t).URL())
	b := testkit.Connect(t, wire.URL())
	wire.Freeze(true)
	done := make(chan error, 1)
	go func() { done <- b.Publish(testkit.Context(t), large(t, 1)...) }()
	testkit.Eventually(t, func() bool { return errors.Is(b.Health(), bus.ErrSilent) }, "it is noticed")
	err := testkit.Receive(t, done)
	require.True(t, errors.Is(err, bus.ErrSilent) || errors.Is(err, bus.ErrDisconnected), "%v", err)
	testkit.Eventually(t, func() bool { return errors.Is(b.Connected(), bus.ErrDisconnected) }, "and given up")
	wire.Freeze(false)
	testkit.Eventually(t, func() bool { return b.Publish(t.Context(), large(t, 1)...) == nil }, "it is used again")
	require.NoError(t, b.Health())
}

// TestInHandWhileTheServerIsAway: the server hands out again what it has heard
// nothing of for too long. Who has it still goes on with it.
func TestInHandWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := testkit.NATSAt(t, dir, 0)
	b := testkit.Connect(t, server.URL())
	publish(t, b, 2)
	p := pull(t, b, 8)
	messages, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	for len(messages) < 2 {
		more, err := p.Next(testkit.Context(t), 8)
		require.NoError(t, err)
		messages = append(messages, more...)
	}
	testkit.ShortenAckWait(t, server.URL(), bus.Fanout)
	port := testkit.Port(t, server.URL())
	server.Stop()
	messages[1].Nak(0) // which nobody hears
	testkit.NATSAt(t, dir, port)
	again, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.Len(t, again, 1, "only what is not in hand")
	require.Equal(t, messages[1].Data, again[0].Data)
	again[0].Ack()
	messages[0].Ack()
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, server.URL(), event.StreamEvents) == 0 }, "both are done with")
}
