package member_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestActivity: what was sent is counted and drawn, for each endpoint by itself.
func TestActivity(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	v := w.Member(t, app)
	require.Contains(t, v.Get("/portal/activity").Text, "Nothing to see yet")

	one := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://one.example/in"}`))
	two := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://two.example/in"}`))
	w.API(t, "POST", "/event-type", `{"name":"bare","description":""}`)
	path := "/portal/endpoints/" + one + "/activity"
	require.Contains(t, v.Get(path).Text, "Nothing was sent in this time")
	for _, code := range []int{200, 200, 503} {
		message := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/msg", `{"eventType":"bare","payload":{}}`))
		delivery{app, one, message}.attempted(t, w, code, "")
	}
	for _, query := range []string{"", "?period=hour", "?period=week", "?period=month"} {
		p := v.Get(path + query)
		require.Equal(t, http.StatusOK, p.Status, query)
		require.True(t, p.Shows("66.6 %"), query)
		require.True(t, p.Shows("Refused"), query)
		require.Equal(t, 2, strings.Count(p.Text, "<figure"), query)
		list := v.Get("/portal/activity" + query)
		require.True(t, list.Shows("66.6 %"), query)
		require.Equal(t, 1, strings.Count(list.Text, "nothing sent"), query)
	}
	require.Contains(t, v.Get("/portal/endpoints/"+two+"/activity").Text, "Nothing was sent in this time")
	require.Equal(t, http.StatusUnprocessableEntity, v.Get(path+"?period=year").Status)
	require.Equal(t, http.StatusUnprocessableEntity, v.Get("/portal/activity?period=year").Status)
}
