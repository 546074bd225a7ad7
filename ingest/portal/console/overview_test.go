package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/event"
)

// TestOverview: each stage is told of, what is not ready says why, and what is not
// there is either missing or not known.
func TestOverview(t *testing.T) {
	t.Parallel()
	now := time.Now()
	work := event.StageWork{
		Stage: "deliver", Until: now, Done: make([]float64, event.WorkSteps), Delays: []event.Delay{{AtMost: 0.016, Count: 100}},
		Before: &event.Unfinished{Messages: 4711, Oldest: now.Add(-90 * time.Second), Seen: now},
	}
	for i := range work.Done {
		work.Done[i] = 50
	}
	fleet := api.Fleet{Complete: true, Processes: []event.Process{
		{Host: "worker-1", PID: 7, Version: "v9", Started: now.Add(-2 * time.Hour), Memory: 40 << 20, Stages: []event.StageWork{work}},
		{Host: "worker-2", PID: 8, Started: now, Stages: []event.StageWork{{Stage: "deliver", Fault: "not connected to NATS"}}},
	}}
	w := portaltest.Start(t, func(c *api.Config) { c.Fleet = func(context.Context) (api.Fleet, error) { return fleet, nil } })
	v := w.Operator(t)
	require.Equal(t, "/console/overview", v.Get("/console/").Location)
	p := v.Get("/console/overview")
	for _, said := range []string{"worker-1/7", "v9", "40.0 MiB", "1 of 2 ready", "not connected to NATS", "4\u202f711", "1 min", "Not running", "10.0 a second", "8 ms, half of them"} {
		require.True(t, p.Shows(said) || strings.Contains(tags.Replace(p.Text), said), said)
	}
	require.Contains(t, p.Text, `sse-connect="/console/overview/live"`)
	p = v.Get("/console/overview?still=")
	require.NotContains(t, p.Text, "sse-connect")
	require.Contains(t, p.Text, `href="/console/overview"`)

	fleet.Complete, fleet.Processes = false, nil
	p = v.Get("/console/overview")
	require.True(t, p.Shows("NATS is away"))
	require.True(t, p.Shows("Not known"))
	require.False(t, p.Shows("Not running"))
}

// tags are taken out of what stands in the middle of a sentence.
var tags = strings.NewReplacer(`<span class="quiet small">`, "", "</span>", "")
