package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
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
