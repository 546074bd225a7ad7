package console_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestJobs: a job is found by its kind, its page follows it, and it can be cancelled.
func TestJobs(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	require.True(t, v.Get("/console/jobs").Shows("No such jobs"))
	task := portaltest.ID(t, w.API(t, "POST", "/app/"+w.App(t, "Acme")+"/dlq/redrive", `{}`))
	p := v.Get("/console/jobs")
	require.Equal(t, "/console/jobs/"+task, p.Link(t, "Redrive of dead letters"))
	require.True(t, p.Shows("Running"))
	require.False(t, v.Get("/console/jobs?task=endpoint.recover").Shows(task))
	require.False(t, v.Get("/console/jobs?status=finished").Shows(task))
	require.Equal(t, http.StatusUnprocessableEntity, v.Get("/console/jobs?status=asleep").Status)

	page := "/console/jobs/" + task
	require.True(t, v.Get(page).Shows("Cancel"))
	require.Equal(t, page, v.Post(page+"/cancel").Location)
	p = v.Get(page)
	require.True(t, p.Shows("Cancelled"))
	require.False(t, p.Shows(">Cancel<"))
	require.Equal(t, http.StatusNotFound, v.Get("/console/jobs/qtask_nobody").Status)

	ctx, gone := context.WithCancel(t.Context())
	defer gone()
	var events []string
	for lines := bufio.NewScanner(v.Open(ctx, page+"/live")); len(events) < 2 && lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			events = append(events, name)
		}
	}
	require.Equal(t, []string{"progress", "done"}, events)
}
