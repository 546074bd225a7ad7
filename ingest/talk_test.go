package ingest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// send puts a delivery on a stream, into its shared lane or another one.
func send(t *testing.T, b *bus.Bus, d event.Delivery, subject string) {
	t.Helper()
	data, err := d.Encode()
	require.NoError(t, err)
	require.NoError(t, b.Publish(testkit.Context(t), bus.Message{Subject: subject, ID: event.Message.Format(event.NewID()), Data: data}))
}

// TestTalk asks two deliver processes, one of them of another version, and looks
// into the streams.
func TestTalk(t *testing.T) {
	t.Parallel()
	url := testkit.NATS(t).URL()
	b := testkit.Connect(t, url)
	loud, quiet := event.NewID(), event.NewID()
	one, two, hook := event.NewID(), event.NewID(), event.NewID()
	began := time.Now()
	delivery := func(tenant, endpoint event.ID) event.Delivery {
		return event.Delivery{Event: event.NewID(), Tenant: tenant, Endpoint: endpoint, Type: "a", Attempt: 1}
	}
	for range 3 {
		d := delivery(loud, one)
		send(t, b, d, d.Subject())
		send(t, b, d, event.OwnLane{Tenant: loud}.Subject())
		send(t, b, d, event.OwnLane{Tenant: loud, Endpoint: two}.Subject())
	}
	d := delivery(quiet, hook)
	send(t, b, d, d.Subject())

	load, err := json.Marshal(event.Load{
		Slots: 5, Tenants: []event.Talker{{Tenant: loud, Slots: 5, Waiting: 2}}, Endpoints: []event.Talker{{Tenant: loud, Endpoint: one, Slots: 4, Waiting: 1}},
	})
	require.NoError(t, err)
	for _, answer := range [][]byte{load, load, []byte("?")} {
		_, err := testkit.Connect(t, url).Answer(event.SubjectLoad, func() []byte { return answer })
		require.NoError(t, err)
	}

	var found api.Talk
	testkit.Eventually(t, func() bool {
		found, err = newTalk(b).now(testkit.Context(t))
		require.NoError(t, err)
		return found.Workers == 2
	}, "both have answered")
	require.Equal(t, 10, found.Slots)
	got := make(map[event.ID]api.Talker)
	for _, talker := range found.Talkers {
		id := talker.Endpoint
		if id.IsZero() {
			id = talker.Tenant
		}
		require.WithinRange(t, talker.Oldest, began.Add(-time.Second), time.Now().Add(time.Second))
		talker.Oldest = time.Time{}
		got[id] = talker
	}
	require.Equal(t, map[event.ID]api.Talker{
		loud:  {Talker: event.Talker{Tenant: loud, Slots: 10, Waiting: 4}, Backlog: 9},
		one:   {Talker: event.Talker{Tenant: loud, Endpoint: one, Slots: 8, Waiting: 2}, Backlog: 3},
		two:   {Talker: event.Talker{Tenant: loud, Endpoint: two}, Backlog: 3},
		quiet: {Talker: event.Talker{Tenant: quiet}, Backlog: 1},
		hook:  {Talker: event.Talker{Tenant: quiet, Endpoint: hook}, Backlog: 1},
	}, got)
}

// TestTalkOneByOne asks while somebody else does.
func TestTalkOneByOne(t *testing.T) {
	t.Parallel()
	talk := newTalk(testkit.Bus(t))
	talk.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := talk.now(ctx)
	require.ErrorIs(t, err, context.Canceled)
	<-talk.turn
	_, err = talk.now(t.Context())
	require.NoError(t, err)
}

func TestTalkWithoutNATS(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	talk := newTalk(testkit.Connect(t, server.URL()))
	server.Stop()
	testkit.Eventually(t, func() bool { return talk.bus.Health() != nil }, "it is away")
	_, err := talk.now(t.Context())
	require.ErrorIs(t, err, bus.ErrDisconnected)
}
