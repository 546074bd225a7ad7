package console_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/bus"
)

// TestStreams: each is told of with its consumers; without NATS that is not known.
func TestStreams(t *testing.T) {
	t.Parallel()
	var away error
	found := []api.Stream{{
		StreamState: bus.StreamState{Name: "DELIVER", Description: "deliveries", Messages: 4711, Bytes: 3 << 20, Oldest: time.Now().Add(-time.Hour)},
		Consumers:   []bus.ConsumerState{{Consumer: bus.Consumer{Name: "s00"}, Filter: "deliver.s00.>", Waiting: 1234, Paused: time.Minute}},
	}}
	w := portaltest.Start(t, func(c *api.Config) {
		c.Look = func(context.Context) ([]api.Stream, error) { return found, away }
	})
	v := w.Operator(t)
	p := v.Get("/console/streams")
	for _, said := range []string{"deliveries", "4\u202f711", "3.0 MiB", "1 h", "1\u202f234"} {
		require.True(t, p.Shows(said), said)
	}
	page := p.Link(t, "DELIVER")
	p = v.Get(page)
	for _, said := range []string{"DELIVER", "4\u202f711", "deliver.s00.>", "1\u202f234", "Paused"} {
		require.True(t, p.Shows(said), said)
	}
	require.Equal(t, http.StatusNotFound, v.Get("/console/streams/NONE").Status)
	away = bus.ErrDisconnected
	require.True(t, v.Get("/console/streams").Shows("cannot be known at the moment"))
	require.Equal(t, http.StatusServiceUnavailable, v.Get(page).Status)
}
