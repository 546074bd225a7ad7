package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// setAside puts messages aside as a stage would.
func setAside(t *testing.T, b *bus.Bus, texts ...string) {
	t.Helper()
	l := event.OwnLane{Tenant: event.NewID()}
	lane, err := b.OpenLane(t.Context(), l)
	require.NoError(t, err)
	p, err := b.Pull(lane, 1)
	require.NoError(t, err)
	defer p.Close()
	for n, text := range texts {
		require.NoError(t, b.Publish(t.Context(), bus.Message{Subject: l.Subject(), Tenant: l.Tenant, ID: text, Data: []byte(text)}))
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		b.Reject(messages[0], event.ErrBadFrame)
		testkit.Eventually(t, func() bool { return b.SetAside() == uint64(n+1) }, "set aside")
	}
}

func TestPoison(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	setAside(t, testkit.Connect(t, server.URL()), "first", "second", "third")
	say := func(words ...string) (string, error) {
		return do(t, map[string]string{"POSTRIDER_NATS_URL": server.URL()}, append([]string{"poison"}, words...)...)
	}
	must := func(words ...string) string {
		t.Helper()
		out, err := say(words...)
		require.NoError(t, err)
		return out
	}
	list := must("list")
	require.Equal(t, 4, strings.Count(list, "\n"), list)
	require.Contains(t, list, "malformed frame")
	require.Contains(t, list, "deliver")
	require.Equal(t, "second", must("show", "2"))
	require.Contains(t, must("back", "1"), "put back 1: overflow.")
	require.Equal(t, 1, testkit.StreamMessages(t, server.URL(), event.StreamOverflow))
	require.Contains(t, must("drop", "all"), "dropped 3")
	require.Equal(t, 1, strings.Count(must("list"), "\n"), "the head alone")
	require.Equal(t, 1, testkit.StreamMessages(t, server.URL(), event.StreamOverflow))

	for _, words := range [][]string{nil, {"eat"}, {"back"}, {"back", "x"}} {
		_, err := say(words...)
		require.Error(t, err, words)
	}
	_, err := say("drop", "1")
	require.ErrorIs(t, err, bus.ErrNoPoison)
}
