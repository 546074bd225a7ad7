package member_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestHome: who has nothing yet is told what to do first, and who has is told what needs
// them.
func TestHome(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	v := w.Member(t, app)
	p := v.Get("/portal/")
	require.Contains(t, p.Text, "What to do first")
	require.Contains(t, p.Text, "Add endpoint")
	require.NotContains(t, p.Text, "Last 24 hours")

	endpoint := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://one.example/in"}`))
	p = v.Get("/portal/")
	require.Contains(t, p.Text, "What to do first")
	require.NotContains(t, p.Text, "Add endpoint")
	require.Contains(t, p.Text, "/portal/endpoints/"+endpoint+"/signatures")

	w.API(t, "POST", "/event-type", `{"name":"bare","description":""}`)
	message := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/msg", `{"eventType":"bare","payload":{}}`))
	delivery{app, endpoint, message}.attempted(t, w, 200, "")
	require.NotContains(t, v.Get("/portal/").Text, "What to do first")
	p = v.Get("/portal/?day")
	require.True(t, p.Shows("100 %"))
	require.Contains(t, p.Text, "All is well")

	message = portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/msg", `{"eventType":"bare","payload":{}}`))
	delivery{app, endpoint, message}.attempted(t, w, 503, "")
	p = v.Get("/portal/?day")
	require.True(t, p.Shows("50.0 %"))
	require.Contains(t, p.Text, "Some fail")
	require.NotContains(t, p.Text, "All is well")
}
