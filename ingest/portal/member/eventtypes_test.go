package member_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestEventTypes: the catalogue tells what is in each type, and shows nobody what is not
// for them.
func TestEventTypes(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Member(t, w.App(t, "Acme"))
	require.Contains(t, v.Get("/portal/event-types").Text, "No event types yet")
	w.API(t, "POST", "/event-type", `{"name":"bare","description":""}`)
	w.API(t, "POST", "/event-type", `{"name":"beta","description":"","featureFlags":["beta"]}`)
	w.API(t, "POST", "/event-type", `{"name":"old","description":"","archived":true}`)
	w.API(t, "POST", "/event-type", `{"name":"paid","description":"It was <b>paid</b>.","deprecated":true,"groupName":"invoices","schemas":{
		"9":{"properties":{"gone":{"type":"string"}}},
		"10":{"type":"object","required":["invoice"],"properties":{
			"invoice":{"type":"integer","description":"Its number.","examples":[17]},
			"state":{"enum":["open","paid"]},
			"lines":{"type":"array","items":{"$ref":"#/$defs/line"}}},
			"$defs":{"line":{"properties":{"at":{"type":["string","null"],"format":"date-time"},"again":{"$ref":"#/$defs/line"}}}}}}}`)
	p := v.Get("/portal/event-types")
	require.Contains(t, p.Text, "It was &lt;b&gt;paid&lt;/b&gt;.")
	require.Contains(t, p.Text, "Deprecated")
	require.Contains(t, p.Text, "invoices")
	require.NotContains(t, p.Text, "beta")
	require.NotContains(t, p.Text, "old")

	p = v.Get("/portal/event-types/paid")
	for _, text := range []string{
		"version 10, the newest", "version 9", "Its number.", "lines[].at", "string or null (date-time)", "lines[].again.at", `"open", "paid"`, `"invoice": 17`, "gone", "It is deprecated",
	} {
		require.True(t, p.Shows(text), text)
	}
	require.True(t, v.Get("/portal/event-types/bare").Shows("There is no schema of it yet"))
	require.True(t, v.Get("/portal/event-types/old").Shows("It is archived"))
	require.Equal(t, http.StatusNotFound, v.Get("/portal/event-types/beta").Status)
	require.Equal(t, http.StatusNotFound, v.Get("/portal/event-types/nothing").Status)
}
