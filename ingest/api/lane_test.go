package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestLanes(t *testing.T) {
	t.Parallel()
	tenant, endpoint := event.NewID(), event.NewID()
	asked := 0
	w := start(t, func(c *api.Config) {
		c.Lanes = func(_ context.Context, limit int) (api.Lanes, error) {
			asked = limit
			return api.Lanes{Workers: 2, Open: 1, More: true, Lanes: []api.Lane{
				{OwnLane: event.OwnLane{Tenant: tenant}, Backlog: 9, Oldest: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Instance: "host/1"},
				{OwnLane: event.OwnLane{Tenant: store.SystemTenant, Endpoint: endpoint}, Backlog: 1},
			}}, nil
		}
	})
	require.Equal(t, map[string]any{"workers": 2.0, "open": 1.0, "more": true, "data": []any{
		map[string]any{
			"kind": "tenant", "appId": event.Tenant.Format(tenant), "endpointId": nil, "backlog": 9.0,
			"oldestAt": "2026-11-21T12:00:00Z", "state": "open", "instance": "host/1",
		},
		map[string]any{
			"kind": "endpoint", "appId": nil, "endpointId": event.Endpoint.Format(endpoint), "backlog": 1.0,
			"oldestAt": nil, "state": "waiting", "instance": nil,
		},
	}}, w.must(t, 200, "GET", "/admin/lanes?limit=7", "").body)
	require.Equal(t, 7, asked)
	w.exchange(t, "GET", "/admin/lanes?limit=0", "").requireInvalid(t, "query.limit")
	away := start(t, func(c *api.Config) {
		c.Lanes = func(context.Context, int) (api.Lanes, error) { return api.Lanes{}, bus.ErrDisconnected }
	})
	away.send(t, "GET", "/admin/lanes", "").requireCode(t, 503, "unavailable")
}

// TestCircuits lists the endpoints of two applications whose breakers are open.
func TestCircuits(t *testing.T) {
	t.Parallel()
	w := start(t)
	opened, probe := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	var apps, endpoints []any
	for _, uid := range []string{"a", "b"} {
		app := w.app(t, `{"name":"n","uid":"`+uid+`"}`)
		w.endpoint(t, app, `{"url":"https://well.example/"}`)
		broken := w.endpoint(t, app, `{"url":"https://name:pass@`+uid+`.example/"}`)
		require.NoError(t, w.store.OpenBreaker(t.Context(), parse(t, event.Tenant, app), parse(t, event.Endpoint, broken), opened, probe))
		require.NoError(t, w.store.BreakerProbeFailed(t.Context(), parse(t, event.Endpoint, broken), probe, 3))
		apps, endpoints = append(apps, app), append(endpoints, broken)
	}
	a := w.must(t, 200, "GET", "/admin/circuits", "")
	require.Equal(t, endpoints, a.data(t, "endpointId"))
	require.Equal(t, map[string]any{
		"appId": apps[0], "endpointId": endpoints[0], "url": "https://a.example/", "state": "open",
		"since": "2026-11-21T12:00:00Z", "nextProbeAt": "2999-01-01T00:00:00Z", "failedProbes": 3.0,
	}, a.body["data"].([]any)[0])
	require.Equal(t, endpoints[1:], w.must(t, 200, "GET", "/admin/circuits?app_id=b", "").data(t, "endpointId"))
	require.Equal(t, endpoints[1:], w.must(t, 200, "GET", "/admin/circuits?limit=1&iterator="+endpoints[0].(string), "").data(t, "endpointId"))
	w.send(t, "GET", "/admin/circuits?app_id=none", "").requireCode(t, 404, "not_found")
	w.must(t, 200, "POST", "/app/a/endpoint/"+endpoints[0].(string)+"/circuit/reset", "")
	require.Equal(t, endpoints[1:], w.must(t, 200, "GET", "/admin/circuits", "").data(t, "endpointId"))
}
