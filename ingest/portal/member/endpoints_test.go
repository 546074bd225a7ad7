package member_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestEndpoints: the list says what to do first, then shows the endpoints of this
// application and no other, page by page.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app, other := w.App(t, "Acme"), w.App(t, "Other")
	v := w.Member(t, app)
	require.Contains(t, v.Get("/portal/endpoints").Text, "No endpoints yet")

	w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://one.example/hook","description":"<script>alert(1)</script>"}`)
	w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://two.example/hook","disabled":true}`)
	w.API(t, "POST", "/app/"+other+"/endpoint", `{"url":"https://three.example/hook"}`)
	p := v.Get("/portal/endpoints")
	require.Equal(t, http.StatusOK, p.Status)
	require.Contains(t, p.Text, "https://one.example/hook")
	require.Contains(t, p.Text, "&lt;script&gt;")
	require.NotContains(t, p.Text, "<script>alert")
	require.Contains(t, p.Text, "Disabled")
	require.Contains(t, p.Text, "by hand")
	require.NotContains(t, p.Text, "three.example")

	p = v.Get("/portal/endpoints?limit=1")
	require.NotContains(t, p.Text, "one.example")
	require.Contains(t, p.Text, `rel="next"`)
	require.NotContains(t, p.Text, `rel="prev"`)
}

// TestHealth: how an endpoint did in the last day is in its row where that is asked
// for, and on its page.
func TestHealth(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	made := func(url string) string {
		return portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"`+url+`"}`))
	}
	well := made("https://well.example/in")
	ill := made("https://ill.example/in")
	mixed := made("https://mixed.example/in")
	w.Attempts(t, app, well, "success", "success")
	w.Attempts(t, app, ill, "http_5xx")
	w.Attempts(t, app, mixed, "success", "success", "timeout")
	v := w.Member(t, app)
	require.NotContains(t, v.Get("/portal/endpoints").Text, "<svg")
	p := v.Get("/portal/endpoints?health=")
	for _, said := range []string{"100 %", "0 %", "66.6 %", "Healthy", "Failing", "Some fail", "Last 24 hours: 2 succeeded, 1 failed"} {
		require.True(t, p.Shows(said), said)
	}
	require.True(t, v.Get("/portal/endpoints/"+mixed).Shows("66.6 %"))
}
