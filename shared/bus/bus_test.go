package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// publish stores n numbered messages in EVENTS.
func publish(t *testing.T, b *bus.Bus, n int) {
	t.Helper()
	group := make([]bus.Message, n)
	for i := range group {
		group[i] = bus.Message{Subject: event.SubjectEvents, ID: fmt.Sprint(t.Name(), i), Data: fmt.Append(nil, i)}
	}
	require.NoError(t, b.Publish(testkit.Context(t), group...))
}

func pull(t *testing.T, b *bus.Bus, batch int) *bus.Puller {
	t.Helper()
	p, err := b.Pull(bus.Fanout, batch)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// nothing expects that no message comes while the server had the time for one:
// another message, published after, has come meanwhile.
func nothing(t *testing.T, p *bus.Puller) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	messages, err := p.Next(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded, "got %d messages", len(messages))
}

func TestPublishAndPull(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	const n = 1000
	publish(t, b, n)
	publish(t, b, n) // the same ids: dropped by the stream

	p := pull(t, b, 32)
	seen := make(map[string]bool)
	for len(seen) < n {
		messages, err := p.Next(testkit.Context(t), 32)
		require.NoError(t, err)
		require.LessOrEqual(t, len(messages), 32)
		for _, m := range messages {
			require.False(t, seen[string(m.Data)], "message %s came twice", m.Data)
			require.Equal(t, 1, m.Deliveries)
			require.Equal(t, event.SubjectEvents, m.Subject)
			require.WithinDuration(t, time.Now(), m.Stored, time.Minute)
			require.NotZero(t, m.Sequence)
			seen[string(m.Data)] = true
			m.Ack()
			m.Nak(0) // too late: the first verdict counts
		}
	}
	nothing(t, p)
}

func TestNakBringsMessageBack(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	publish(t, b, 1)
	p := pull(t, b, 8)
	for want := 1; want <= 3; want++ {
		messages, err := p.Next(testkit.Context(t), 8)
		require.NoError(t, err)
		require.Len(t, messages, 1)
		require.Equal(t, want, messages[0].Deliveries)
		messages[0].Nak(time.Duration(want) * time.Millisecond)
	}
}

func TestTermEndsMessage(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	publish(t, b, 1)
	p := pull(t, b, 8)
	messages, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	messages[0].Term("no use")
	nothing(t, p)
}

func TestTwoPullersShareAConsumer(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	const n = 500
	publish(t, b, n)
	got := make(chan string, 2*n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 2)
	for range 2 {
		p := pull(t, b, 16)
		go func() {
			for {
				messages, err := p.Next(ctx, 16)
				if err != nil {
					done <- err
					return
				}
				for _, m := range messages {
					m.Ack()
					got <- string(m.Data)
				}
			}
		}()
	}
	seen := make(map[string]bool)
	for range n {
		seen[<-got] = true
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.ErrorIs(t, <-done, context.Canceled)
	require.Len(t, seen, n)
	require.Empty(t, got)
}

// TestUnseenMessagesAreHeld leaves messages that have arrived alone, as somebody does
// who is busy with those before for longer than the server waits.
func TestUnseenMessagesAreHeld(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	listener, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(listener.Close)
	heard, err := listener.SubscribeSync("$JS.ACK.EVENTS.fanout.>")
	require.NoError(t, err)
	require.NoError(t, listener.Flush())
	p := pull(t, b, 8)
	publish(t, b, 1)
	first, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.Len(t, first, 1)
	first[0].Ack()

	const n = 5 // by the request that is still open
	more := make([]bus.Message, n)
	for i := range more {
		more[i] = bus.Message{Subject: event.SubjectEvents, ID: fmt.Sprint(t.Name(), "more", i), Data: fmt.Append(nil, i)}
	}
	require.NoError(t, b.Publish(testkit.Context(t), more...))
	for held := make(map[string]bool); len(held) < n; {
		ack, err := heard.NextMsgWithContext(testkit.Context(t))
		require.NoError(t, err)
		if string(ack.Data) == "+WPI" {
			held[ack.Subject] = true
		}
	}
	messages, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.Len(t, messages, n)
	for i, m := range messages {
		require.Equal(t, fmt.Sprint(i), string(m.Data))
		require.Equal(t, 1, m.Deliveries)
		m.Ack()
	}
}

func TestCloseGivesBack(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	leaver := testkit.Connect(t, server.URL())
	publish(t, leaver, 10)
	p, err := leaver.Pull(bus.Fanout, 10)
	require.NoError(t, err)
	messages, err := p.Next(testkit.Context(t), 10)
	require.NoError(t, err)
	require.NotEmpty(t, messages)
	p.Close()
	leaver.Close()

	stayer := pull(t, testkit.Connect(t, server.URL()), 10)
	seen := make(map[string]bool)
	for began := time.Now(); len(seen) < 10; {
		messages, err := stayer.Next(testkit.Context(t), 10)
		require.NoError(t, err)
		for _, m := range messages {
			seen[string(m.Data)] = true
			m.Ack()
		}
		require.Less(t, time.Since(began), 25*time.Second, "messages came back only after the acknowledgement wait")
	}
}

func TestRestMakesNoRequest(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	p := pull(t, b, 8)
	p.Rest(time.Now().Add(time.Hour))
	publish(t, b, 1)
	nothing(t, p)
	p.Rest(time.Time{})
	messages, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.Len(t, messages, 1)
}

func TestUnknownFormatIsLeftAlone(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.PublishRaw(t, server.URL(), event.SubjectEvents, "2", []byte("from the future"))
	p := pull(t, b, 8)
	nothing(t, p)
	require.Equal(t, 1, testkit.StreamMessages(t, server.URL(), event.StreamEvents), "it is still there")
}

func TestServerGoneAndBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := testkit.NATSAt(t, dir, 0)
	b := testkit.Connect(t, server.URL())
	p := pull(t, b, 8)
	port := testkit.Port(t, server.URL())
	server.Stop()
	require.Error(t, b.Publish(testkit.Context(t), bus.Message{Subject: event.SubjectEvents, ID: "x"}), "nothing is buffered")
	testkit.Eventually(t, func() bool { return errors.Is(b.Health(), bus.ErrDisconnected) }, "told of the loss")

	testkit.NATSAt(t, dir, port)
	testkit.Eventually(t, func() bool { return b.Health() == nil }, "connected again")
	publish(t, b, 1)
	messages, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.Len(t, messages, 1, "and the puller goes on")
}

func TestBootstrapChangesNothingTwice(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	publish(t, b, 3)
	require.NoError(t, b.Bootstrap(testkit.Context(t), bus.Layout{Replicas: 1, Shards: 1}))
	require.NoError(t, b.Verify(testkit.Context(t)))
	messages, err := pull(t, b, 8).Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.NotEmpty(t, messages)
}

func TestVerifyWithoutStreams(t *testing.T) {
	t.Parallel()
	b, err := bus.Connect(bus.Options{URL: testkit.NATS(t).URL(), Name: "test"})
	require.NoError(t, err)
	defer b.Close()
	require.ErrorIs(t, b.Verify(testkit.Context(t)), bus.ErrNotBootstrapped)
}
