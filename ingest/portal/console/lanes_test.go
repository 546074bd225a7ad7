package console_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// TestLanes: who waits in a lane of its own is called by its name, and without NATS the
// rest of the page is there.
func TestLanes(t *testing.T) {
	t.Parallel()
	var lanes api.Lanes
	var away error
	w := portaltest.Start(t, func(c *api.Config) {
		c.Lanes = func(context.Context, int) (api.Lanes, error) { return lanes, away }
	})
	v := w.Operator(t)
	p := v.Get("/console/lanes")
	require.True(t, p.Shows("Nobody waits in a lane of its own"))
	require.True(t, p.Shows("All are closed"))
	tenant, err := event.Tenant.Parse(w.App(t, "Loud"))
	require.NoError(t, err)
	lanes = api.Lanes{Workers: 2, Open: 1, Lanes: []api.Lane{
		{OwnLane: event.OwnLane{Tenant: tenant}, Backlog: 4000, Oldest: time.Now().Add(-time.Hour), Instance: "worker-7/4711"},
	}}
	p = v.Get("/console/lanes")
	for _, said := range []string{"Loud", "4\u202f000", "worker-7/4711", "Worked on", "1 h"} {
		require.True(t, p.Shows(said), said)
	}
	away = bus.ErrDisconnected
	p = v.Get("/console/lanes")
	require.True(t, p.Shows("cannot be known at the moment"))
	require.True(t, p.Shows("All are closed"))
}
