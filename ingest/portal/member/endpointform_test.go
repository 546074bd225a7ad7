package member_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestAddEndpoint: a mistake is told at its field, with what was filled in still there;
// put right, the endpoint is as the form says.
func TestAddEndpoint(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"invoice.paid","description":"An invoice was <b>paid</b>"}`)
	w.API(t, "POST", "/event-type", `{"name":"user.made","description":"","groupName":"Users"}`)
	v := w.Member(t, app)
	form := v.Get("/portal/endpoints/new")
	require.Contains(t, form.Text, "&lt;b&gt;paid")
	require.Contains(t, form.Text, ">Users<")

	filled := []string{
		"url", "ftp://x.example", "description", "To the ERP", "eventTypes", "invoice.paid", "channels", "a, b",
		"throttleRate", "many", "ordered", "true", "orderedPolicy", "skip", "retrySchedule", "5s, 1m30s", "timeoutMs", "1",
	}
	p := v.Post("/portal/endpoints/new", filled...)
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	for _, field := range []string{"url", "throttleRate", "timeoutMs"} {
		require.Contains(t, p.Text, `id="`+field+`-fault"`)
	}
	require.NotContains(t, p.Text, `id="retrySchedule-fault"`)
	require.Contains(t, p.Text, `value="To the ERP"`)
	require.Contains(t, p.Text, `value="invoice.paid" checked`)
	require.Contains(t, p.Text, `value="many"`)

	filled[1], filled[9], filled[17] = "https://x.example/in", "7", "5000"
	p = v.Post("/portal/endpoints/new", filled...)
	require.Equal(t, http.StatusSeeOther, p.Status, p.Text)
	page := v.Get(p.Location)
	require.Contains(t, page.Text, "The endpoint was added.")
	require.NotContains(t, v.Get(p.Location).Text, "The endpoint was added.", "it is said once")
	e := w.API(t, "GET", "/app/"+app+"/endpoint/"+p.Location[len("/portal/endpoints/"):], "")
	require.Equal(t, "https://x.example/in", e["url"])
	require.Equal(t, "To the ERP", e["description"])
	require.Equal(t, []any{"invoice.paid"}, e["eventTypes"])
	require.Equal(t, []any{"a", "b"}, e["channels"])
	require.EqualValues(t, 7, e["throttleRate"])
	require.Equal(t, true, e["ordered"])
	require.Equal(t, "skip", e["orderedPolicy"])
	require.Equal(t, []any{"5s", "1m30s"}, e["retrySchedule"])
	require.EqualValues(t, 5000, e["timeoutMs"])
}

// TestEditEndpoint: the form comes filled in with what there is, so that saving it
// changes nothing; what is emptied is as usual again.
func TestEditEndpoint(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"a","description":""}`)
	made := w.API(t, "POST", "/app/"+app+"/endpoint",
		`{"url":"https://x.example/in","eventTypes":["a"],"throttleRate":5,"retrySchedule":[],"timeoutMs":900,"uid":"kept"}`)
	id := portaltest.ID(t, made)
	v := w.Member(t, app)
	form := v.Get("/portal/endpoints/" + id + "/edit").Text
	for _, there := range []string{`value="https://x.example/in"`, `value="a" checked`, `value="5"`, `value="none"`, `value="900"`} {
		require.Contains(t, form, there)
	}
	p := v.Post("/portal/endpoints/"+id+"/edit", "url", "https://y.example/in", "retrySchedule", "none")
	require.Equal(t, "/portal/endpoints/"+id, p.Location, p.Text)
	e := w.API(t, "GET", "/app/"+app+"/endpoint/"+id, "")
	require.Equal(t, "https://y.example/in", e["url"])
	require.Equal(t, "kept", e["uid"])
	require.Nil(t, e["eventTypes"])
	require.Nil(t, e["throttleRate"])
	require.Nil(t, e["timeoutMs"])
	require.Equal(t, []any{}, e["retrySchedule"])

	p = v.Post("/portal/endpoints/"+id+"/edit", "url", "https://y.example/in", "eventTypes", "nothing.like.it")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.Contains(t, p.Text, "no such event types: nothing.like.it")
	require.Contains(t, p.Text, `value="nothing.like.it" checked`)
}
