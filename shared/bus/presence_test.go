package bus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/testkit"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	asker := testkit.Connect(t, server.URL())
	require.True(t, asker.Absent(ctx, "a"), "nobody has that name")

	other, err := bus.Connect(bus.Options{URL: server.URL(), Name: "other"})
	require.NoError(t, err)
	defer other.Close()
	_, err = other.Present("a")
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return !asker.Absent(ctx, "a") }, "it answers")
	stop, err := asker.Present("b")
	require.NoError(t, err)
	require.False(t, asker.Absent(ctx, "b"))
	stop()
	testkit.Eventually(t, func() bool { return asker.Absent(ctx, "b") }, "it answers no more")

	other.Close()
	testkit.Eventually(t, func() bool { return asker.Absent(ctx, "a") }, "its process is gone")

	server.Stop()
	require.False(t, asker.Absent(ctx, "a"), "without a server nothing is sure")
}

func TestConnectionIsNumbered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := testkit.NATSAt(t, dir, 0)
	b := testkit.Connect(t, server.URL())
	before, ok := b.Connection()
	require.True(t, ok)

	port := testkit.Port(t, server.URL())
	server.Stop()
	testkit.Eventually(t, func() bool { _, ok := b.Connection(); return !ok }, "it is gone")
	testkit.NATSAt(t, dir, port)
	testkit.Eventually(t, func() bool { _, ok := b.Connection(); return ok }, "it is back")
	after, _ := b.Connection()
	require.NotEqual(t, before, after)
}
