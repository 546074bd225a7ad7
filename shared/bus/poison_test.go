package bus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// rejectAll rejects what comes until n messages were set aside, and returns how
// often each came.
func rejectAll(t *testing.T, b *bus.Bus, p *bus.Puller, n int, reason string) map[string]int {
	t.Helper()
	tries := make(map[string]int)
	for b.SetAside() < uint64(n) {
		messages, err := p.Next(testkit.Context(t), 8)
		require.NoError(t, err)
		for _, m := range messages {
			tries[string(m.Data)]++
			b.Reject(m, errors.New(reason))
		}
		if tries[string(messages[0].Data)] == 5 {
			testkit.Eventually(t, func() bool { return b.SetAside() == uint64(n) }, "set aside")
		}
	}
	return tries
}

// TestPoison: what nobody can handle is tried five times and set aside with all
// that there is to know of it; and it can be put back.
func TestPoison(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.PublishRaw(t, server.URL(), event.SubjectEvents, event.Format, []byte("bad"))
	p := pull(t, b, 8)
	require.Equal(t, map[string]int{"bad": 5}, rejectAll(t, b, p, 1, "it is\nbad"))
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, server.URL(), event.StreamEvents) == 0 }, "it blocks nobody")

	found, err := b.NextPoison(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, event.SubjectEvents, found.Subject)
	require.Equal(t, bus.Fanout, found.Consumer)
	require.Equal(t, "fanout", found.Stage)
	require.Equal(t, "it is bad", found.Reason)
	require.Equal(t, 5, found.Tries)
	require.Equal(t, "bad", string(found.Data))
	require.False(t, found.Stored.After(found.At))
	require.False(t, found.Cut)
	_, err = b.NextPoison(ctx, found.Sequence+1)
	require.ErrorIs(t, err, bus.ErrNoPoison)

	require.NoError(t, b.PutBack(ctx, found))
	messages, err := p.Next(ctx, 8)
	require.NoError(t, err)
	require.Equal(t, "bad", string(messages[0].Data))
	require.Equal(t, 1, messages[0].Deliveries, "it has all its tries again")
	messages[0].Ack()
	_, err = b.NextPoison(ctx, 0)
	require.ErrorIs(t, err, bus.ErrNoPoison)
}

// TestPoisonOfAnOwnLane is set aside at once: nobody counts tries while the lane is
// closed.
func TestPoisonOfAnOwnLane(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	l := event.OwnLane{Tenant: event.NewID(), Endpoint: event.NewID()}
	fill(t, b, l, 1)
	lane := open(t, b, l)
	b.Reject(take(t, b, lane, 1)[0], errors.New("bad"))
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, server.URL(), event.StreamOverflow) == 0 }, "gone")
	found, err := b.NextPoison(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, bus.OwnLaneConsumer(l), found.Consumer)
	require.Equal(t, 1, found.Tries)
}

// TestNoFormat: what is of no version of ours is poison. What may be of a later one
// is left alone (TestUnknownFormatIsLeftAlone).
func TestNoFormat(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	for _, format := range []string{"", "0", "one"} {
		testkit.PublishRaw(t, server.URL(), event.SubjectEvents, format, []byte("x"))
	}
	p := pull(t, b, 8)
	publish(t, b, 1)
	messages, err := p.Next(testkit.Context(t), 8)
	require.NoError(t, err)
	require.Equal(t, "0", string(messages[0].Data), "others go on")
	messages[0].Ack()
	testkit.Eventually(t, func() bool {
		nothing(t, p)
		return b.SetAside() == 3
	}, "set aside")
	found, err := b.NextPoison(testkit.Context(t), 0)
	require.NoError(t, err)
	require.Contains(t, found.Reason, "no format version")
}

// TestPoisonThatIsTooLarge for its own story loses its end.
func TestPoisonThatIsTooLarge(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.PublishRaw(t, server.URL(), event.SubjectEvents, event.Format, []byte(strings.Repeat("x", 1<<20-100)))
	rejectAll(t, b, pull(t, b, 8), 1, strings.Repeat("why ", 1000))
	found, err := b.NextPoison(ctx, 0)
	require.NoError(t, err)
	require.True(t, found.Cut)
	require.Greater(t, len(found.Data), 1<<19)
	require.ErrorIs(t, b.PutBack(ctx, found), bus.ErrCut)
	require.NoError(t, b.DropPoison(ctx, found.Sequence))
	_, err = b.NextPoison(ctx, 0)
	require.ErrorIs(t, err, bus.ErrNoPoison)
}

// TestPoisonWaitsForRoom: nothing is set aside that DLQ has not taken.
func TestPoisonWaitsForRoom(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.LimitStream(t, server.URL(), event.StreamDLQ, 10)
	l := event.OwnLane{Tenant: event.NewID()}
	fill(t, b, l, 1)
	lane := open(t, b, l)
	b.Reject(take(t, b, lane, 1)[0], errors.New("bad"))
	again := take(t, b, lane, 1)[0]
	require.Equal(t, 2, again.Deliveries)
	require.Zero(t, b.SetAside())
	testkit.LimitStream(t, server.URL(), event.StreamDLQ, 0)
	b.Reject(again, errors.New("bad"))
	testkit.Eventually(t, func() bool { return b.SetAside() == 1 }, "set aside")
}

func TestTry(t *testing.T) {
	t.Parallel()
	require.NoError(t, bus.Try(func() {}))
	err := bus.Try(func() { panic("oh") })
	require.EqualError(t, err, "panic: oh")
	var panicked *bus.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Contains(t, string(panicked.Stack), "poison_test.go")
}
