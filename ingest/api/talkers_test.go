package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// TestTopTalkers ranks two applications and an endpoint of each.
func TestTopTalkers(t *testing.T) {
	t.Parallel()
	loud, old := event.NewID(), event.NewID()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	talker := func(tenant, endpoint event.ID, slots, waiting, backlog int, oldest time.Time) api.Talker {
		return api.Talker{Talker: event.Talker{Tenant: tenant, Endpoint: endpoint, Slots: slots, Waiting: waiting}, Backlog: backlog, Oldest: oldest}
	}
	hook, slow := event.NewID(), event.NewID()
	talk := api.Talk{Workers: 2, Slots: 40, Talkers: []api.Talker{
		talker(old, event.ID{}, 0, 0, 2, at), talker(loud, event.ID{}, 32, 16, 5000, at.Add(time.Minute)),
		talker(old, slow, 0, 0, 2, at), talker(loud, hook, 16, 9, 4000, time.Time{}),
	}}
	w := start(t, func(c *api.Config) { c.Talk = func(context.Context) (api.Talk, error) { return talk, nil } })

	a := w.must(t, 200, "GET", "/admin/top-talkers", "")
	require.Equal(t, []any{2.0, 40.0}, []any{a.body["workers"], a.body["slots"]})
	shown := func(tenant event.ID, endpoint, slots, waiting, backlog, oldest any) map[string]any {
		return map[string]any{
			"appId": event.Tenant.Format(tenant), "endpointId": endpoint,
			"slots": slots, "waiting": waiting, "backlog": backlog, "oldestAt": oldest,
		}
	}
	noisy, quiet := shown(loud, nil, 32.0, 16.0, 5000.0, "2026-11-21T12:01:00Z"), shown(old, nil, 0.0, 0.0, 2.0, "2026-11-21T12:00:00Z")
	require.Equal(t, map[string]any{
		"bySlots": []any{noisy}, "byBacklog": []any{noisy, quiet}, "byAge": []any{quiet, noisy},
	}, a.body["applications"])
	noisy, quiet = shown(loud, event.Endpoint.Format(hook), 16.0, 9.0, 4000.0, nil), shown(old, event.Endpoint.Format(slow), 0.0, 0.0, 2.0, "2026-11-21T12:00:00Z")
	require.Equal(t, map[string]any{
		"bySlots": []any{noisy}, "byBacklog": []any{noisy, quiet}, "byAge": []any{quiet},
	}, a.body["endpoints"])

	a = w.must(t, 200, "GET", "/admin/top-talkers?limit=1", "")
	require.Equal(t, []any{noisy}, a.body["endpoints"].(map[string]any)["byBacklog"])
	require.Equal(t, 200, start(t).must(t, 200, "GET", "/admin/top-talkers", "").status, "with nobody to ask")

	away := start(t, func(c *api.Config) {
		c.Talk = func(context.Context) (api.Talk, error) { return api.Talk{}, bus.ErrDisconnected }
	})
	away.send(t, "GET", "/admin/top-talkers", "").requireCode(t, 503, "unavailable")
}
