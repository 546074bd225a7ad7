package ingest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestLanes finds two own lanes, of which a process works on one.
func TestLanes(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	tenant := event.NewID()
	long, short := event.OwnLane{Tenant: tenant}, event.OwnLane{Tenant: tenant, Endpoint: event.NewID()}
	for n, l := range []event.OwnLane{long, short, long} {
		d := event.Delivery{Event: event.NewID(), Tenant: tenant, Endpoint: event.NewID(), Type: "a", Attempt: n + 1}
		send(t, b, d, l.Subject())
	}
	load, err := json.Marshal(event.Load{Instance: "host/1", Lanes: []string{short.Subject(), "?"}})
	require.NoError(t, err)
	_, err = testkit.Connect(t, server.URL()).Answer(event.SubjectLoad, func() []byte { return load })
	require.NoError(t, err)

	talk := newTalk(b)
	var found api.Lanes
	testkit.Eventually(t, func() bool {
		found, err = talk.lanes(testkit.Context(t), 2)
		require.NoError(t, err)
		return found.Workers == 1
	}, "the process has answered")
	for i := range found.Lanes {
		require.WithinRange(t, found.Lanes[i].Oldest, time.Now().Add(-time.Minute), time.Now().Add(time.Second))
		found.Lanes[i].Oldest = time.Time{}
	}
	require.Equal(t, api.Lanes{Workers: 1, Open: 2, Lanes: []api.Lane{
		{OwnLane: long, Backlog: 2}, {OwnLane: short, Backlog: 1, Instance: "host/1"},
	}}, found)
	found, err = talk.lanes(testkit.Context(t), 1)
	require.NoError(t, err)
	require.True(t, found.More)
	require.Len(t, found.Lanes, 1)

	server.Stop()
	testkit.Eventually(t, func() bool { return b.Connected() != nil }, "it is away")
	_, err = talk.lanes(t.Context(), 1)
	require.ErrorIs(t, err, bus.ErrDisconnected)
}
