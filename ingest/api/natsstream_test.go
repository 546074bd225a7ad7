package api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
)

func TestStreams(t *testing.T) {
	t.Parallel()
	found := []api.Stream{
		{
			StreamState: bus.StreamState{
				Name: "DELIVER", Description: "d", Messages: 2, Bytes: 30, MaxBytes: 1000, LastSeq: 9, Oldest: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
			},
			Consumers: []bus.ConsumerState{{
				Consumer: bus.Consumer{Name: "s00"}, Filter: "deliver.s00.>", Waiting: 1, InFlight: 2, Redelivered: 3, Pulls: 4, Paused: 5 * time.Second,
			}},
		},
		{StreamState: bus.StreamState{Name: "TASKS", MaxBytes: -1}},
	}
	w := start(t, func(c *api.Config) { c.Look = func(context.Context) ([]api.Stream, error) { return found, nil } })
	require.Equal(t, map[string]any{"data": []any{
		map[string]any{
			"name": "DELIVER", "description": "d", "messages": 2.0, "bytes": 30.0, "maxBytes": 1000.0, "oldestAt": "2026-11-21T12:00:00Z", "lastSequence": 9.0,
			"consumers": []any{map[string]any{
				"name": "s00", "filter": "deliver.s00.>", "waiting": 1.0, "inFlight": 2.0, "redelivered": 3.0, "pulls": 4.0, "pausedSeconds": 5.0,
			}},
		},
		map[string]any{
			"name": "TASKS", "description": "", "messages": 0.0, "bytes": 0.0, "maxBytes": nil, "oldestAt": nil, "lastSequence": 0.0, "consumers": []any{},
		},
	}}, w.must(t, 200, "GET", "/admin/streams", "").body)
	for _, why := range []error{bus.ErrDisconnected, fmt.Errorf("%w: nothing came", bus.ErrSilent)} {
		away := start(t, func(c *api.Config) { c.Look = func(context.Context) ([]api.Stream, error) { return nil, why } })
		away.send(t, "GET", "/admin/streams", "").requireCode(t, 503, "unavailable")
	}
}
