package console_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestApplications: the list says what to do first, then shows all of them.
func TestApplications(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	require.Contains(t, v.Get("/console/applications").Text, "No applications yet")
	app := w.App(t, "Acme <b>")
	w.API(t, "POST", "/app/"+app+"/pause", "")
	p := v.Get("/console/applications")
	require.Contains(t, p.Text, "Acme &lt;b&gt;")
	require.Contains(t, p.Text, "Paused")
	require.Contains(t, p.Text, app)
}
