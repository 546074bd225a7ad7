package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
)

// step is when a step of the tests ended.
func step(n int) time.Time { return time.Unix(0, int64(1_000_000+n)*int64(event.WorkStep)).UTC() }

// TestProcesses shows two processes, with and without a fault.
func TestProcesses(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	fleet := api.Fleet{Complete: true, Processes: []event.Process{
		{
			Host: "one", PID: 7, Version: "v1", Started: started, Memory: 5, MemoryLimit: 6, Goroutines: 8,
			Stages: []event.StageWork{{Stage: "deliver", Fault: "not connected to NATS"}, {Stage: "retry"}},
		},
		{Host: "two", PID: 1, Version: "v1", Started: started},
	}}
	w := start(t, func(c *api.Config) { c.Fleet = func(context.Context) (api.Fleet, error) { return fleet, nil } })
	a := w.must(t, 200, "GET", "/admin/processes", "")
	require.Equal(t, map[string]any{"complete": true, "data": []any{
		map[string]any{
			"instance": "one/7", "host": "one", "pid": 7.0, "version": "v1", "startedAt": "2026-11-22T01:00:00Z",
			"memoryBytes": 5.0, "memoryLimitBytes": 6.0, "goroutines": 8.0,
			"stages": []any{
				map[string]any{"stage": "deliver", "ready": false, "reason": "not connected to NATS"},
				map[string]any{"stage": "retry", "ready": true, "reason": nil},
			},
		},
		map[string]any{
			"instance": "two/1", "host": "two", "pid": 1.0, "version": "v1", "startedAt": "2026-11-22T01:00:00Z",
			"memoryBytes": 0.0, "memoryLimitBytes": 0.0, "goroutines": 0.0, "stages": []any{},
		},
	}}, a.body)
	require.Equal(t, false, start(t).must(t, 200, "GET", "/admin/processes", "").body["complete"], "with nobody to ask")
}

// TestStages puts together what processes say of their stages. One has not come to
// the end of the last step yet, one is older than its last word.
func TestStages(t *testing.T) {
	t.Parallel()
	oldest := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	many := make([]float64, event.WorkSteps)
	for i := range many {
		many[i] = 10
	}
	fleet := api.Fleet{Complete: true, Processes: []event.Process{
		{Host: "one", Stages: []event.StageWork{{
			Stage: "deliver", Until: step(9), Done: many,
			Delays: []event.Delay{{AtMost: 0.001, Count: 0}, {AtMost: 0.002, Count: 50}, {AtMost: 0.004, Count: 45}, {Count: 0}},
			Before: &event.Unfinished{Messages: 3, Oldest: oldest, Seen: step(8)},
		}}},
		{Host: "two", Stages: []event.StageWork{{
			Stage: "deliver", Until: step(8), Done: []float64{20, 5}, Delays: []event.Delay{{AtMost: 0.002, Count: 0}, {Count: 5}}, Fault: "away",
			Before: &event.Unfinished{Messages: 9, Oldest: oldest, Seen: step(7)},
		}}},
		{Host: "gone", Stages: []event.StageWork{{Stage: "deliver", Until: step(-100), Done: many}}},
	}}
	w := start(t, func(c *api.Config) { c.Fleet = func(context.Context) (api.Fleet, error) { return fleet, nil } })
	a := w.must(t, 200, "GET", "/admin/stages", "")
	require.Equal(t, []any{"ingest", "fanout", "deliver", "retry", "dlq"}, a.data(t, "stage"))
	shown := a.body["data"].([]any)[2].(map[string]any)
	recent := shown["recent"].(map[string]any)
	require.Equal(t, []any{5.0, step(8).Format(time.RFC3339)}, []any{recent["stepSeconds"], recent["until"]}, "the last step that all have behind them")
	rates := recent["perSecond"].([]any)
	require.Len(t, rates, event.WorkSteps)
	require.Equal(t, []any{2.0, 6.0, 3.0}, rates[event.WorkSteps-3:])
	require.Zero(t, rates[0], "before anybody tells of anything")
	require.InDelta(t, (10*12+20+5)/60.0, shown["perSecond"], 0.001)
	require.Equal(t, []any{3.0, 2.0}, []any{shown["processes"], shown["ready"]})
	require.Equal(t, map[string]any{"messages": 3.0, "oldestAt": "2026-11-22T01:00:00Z"}, shown["backlog"], "what was seen last")
	require.Equal(t, map[string]any{"p50": 2.0, "p95": 4.0, "p99": 4.0}, shown["firstAttemptMs"])

	quiet := a.body["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{0.0, nil, nil}, []any{quiet["processes"], quiet["firstAttemptMs"], quiet["backlog"]})
}
