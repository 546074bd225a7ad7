package member_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// TestTry: an example is chosen, looked at and sent, and the page says where it is.
func TestTry(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	v := w.Member(t, app)
	p := v.Get("/portal/try")
	require.Contains(t, p.Text, "No endpoint to send to yet")

	w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://off.example/","disabled":true}`)
	endpoint := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://one.example/in"}`))
	path := "/portal/endpoints/" + endpoint + "/try"
	require.Equal(t, path, v.Get("/portal/try").Location, "one that takes messages")
	require.Contains(t, v.Get(path).Text, "There are no event types yet")

	w.API(t, "POST", "/event-type", `{"name":"bare","description":""}`)
	w.API(t, "POST", "/event-type", `{"name":"paid","description":"","schemas":{"1":{"examples":[{"n":17},{"n":18,"of":"<b>"}]}}}`)
	w.API(t, "PATCH", "/app/"+app+"/endpoint/"+endpoint, `{"eventTypes":["paid"]}`)
	p = v.Get(path)
	require.True(t, p.Shows(`"of": "<b>"`) || p.Shows(`"of": "\u003cb\u003e"`), "of the type that it asks for")
	require.Contains(t, p.Text, "Nothing has been sent to this endpoint yet")
	require.Equal(t, path+"?eventType=bare", v.Get("/portal/try?eventType=bare&endpoint="+endpoint).Location)
	require.True(t, v.Get(path+"?eventType=bare").Shows(`"type": "bare"`))

	p = v.Post(path, "eventType", "paid", "exampleIndex", "1")
	require.Equal(t, http.StatusSeeOther, p.Status)
	to, err := url.Parse(p.Location)
	require.NoError(t, err)
	require.Equal(t, path, to.Path)
	message := to.Query().Get("message")
	require.EqualValues(t, 18, w.API(t, "GET", "/app/"+app+"/msg/"+message, "")["payload"].(map[string]any)["n"])
	require.True(t, v.Get(p.Location).Shows("On its way"))
	delivery{app, endpoint, message}.attempted(t, w, 503, `<script>alert(1)</script>`)
	p = v.Get(p.Location)
	require.True(t, p.Shows("Failed, and tried again"))
	require.Contains(t, p.Text, "&lt;script&gt;alert(1)")
	delivery{app, endpoint, message}.attempted(t, w, 200, "fine")
	p = v.Get(to.String())
	require.True(t, p.Shows("Arrived"))
	require.True(t, p.Shows("fine"))

	require.True(t, v.Post(path, "eventType", "paid", "exampleIndex", "7").Shows("no example of this index"))
	require.True(t, v.Post(path, "eventType", "gone").Shows("no such event type"))
	require.Equal(t, http.StatusNotFound, v.Get(path+"?message=nothing").Status)
	require.Equal(t, http.StatusNotFound, v.Get("/portal/endpoints/ep_x/try").Status)
	w.API(t, "PATCH", "/app/"+app+"/endpoint/"+endpoint, `{"disabled":true}`)
	require.True(t, v.Get(path).Shows("It was disabled by hand"))
}

// delivery is a message to an endpoint, by their ids.
type delivery struct{ app, endpoint, message string }

// attempted has an attempt be recorded, as deliver does. One that failed is to be made
// again.
func (d delivery) attempted(t *testing.T, w *portaltest.World, code int, answer string) {
	t.Helper()
	parse := func(kind event.Kind, text string) event.ID {
		id, err := kind.Parse(text)
		require.NoError(t, err)
		return id
	}
	a := store.Attempt{
		ID: event.NewID(), Tenant: parse(event.Tenant, d.app), Endpoint: parse(event.Endpoint, d.endpoint), Event: parse(event.Message, d.message),
		Number: 1, Outcome: "success", StatusCode: code, URL: "https://one.example/in", Response: []byte(answer), Duration: 12 * time.Millisecond,
	}
	if code >= 300 {
		a.Outcome, a.NextAt = "rejected", time.Now().Add(time.Hour)
	}
	require.NoError(t, w.Store.RecordAttempts(t.Context(), []store.Attempt{a}))
}

// TestTryLive: what becomes of an example comes by itself.
func TestTryLive(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	endpoint := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://one.example/in"}`))
	w.API(t, "POST", "/event-type", `{"name":"bare","description":""}`)
	v := w.Member(t, app)
	path := "/portal/endpoints/" + endpoint + "/try"
	to, err := url.Parse(v.Post(path, "eventType", "bare").Location)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lines := bufio.NewScanner(v.Open(ctx, path+"/live?"+to.RawQuery))
	heard := func(text string) {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatal("never: "+text, lines.Err())
	}
	heard("event: arrived")
	heard("On its way")
	delivery{app, endpoint, to.Query().Get("message")}.attempted(t, w, 200, "fine")
	heard("Arrived")
	heard("fine")
}
