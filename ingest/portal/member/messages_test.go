package member_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/store"
)

// post posts a message and returns its id.
func post(t *testing.T, w *portaltest.World, app, body string) string {
	t.Helper()
	return portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/msg", body))
}

// TestMessages: the list says what comes into it, then shows the messages of this
// application that are asked for; one is found by its id or event id, and what cannot be
// asked for is told where it was.
func TestMessages(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app, other := w.App(t, "Acme"), w.App(t, "Other")
	w.API(t, "POST", "/event-type", `{"name":"paid","description":""}`)
	w.API(t, "POST", "/event-type", `{"name":"moved","description":""}`)
	v := w.Member(t, app)
	require.True(t, v.Get("/portal/messages").Shows("No messages yet"))

	paid := post(t, w, app, `{"eventType":"paid","eventId":"invoice-17","payload":{},"tags":["vip"]}`)
	moved := post(t, w, app, `{"eventType":"moved","payload":{}}`)
	theirs := post(t, w, other, `{"eventType":"paid","eventId":"theirs","payload":{}}`)
	for path, found := range map[string][]string{
		"":                           {moved, paid},
		"?event_types=paid&tag=":     {paid},
		"?tag=vip":                   {paid},
		"?channel=none":              nil,
		"?before=2020-01-01T00:00":   nil,
		"?after=2020-01-01T00:00:01": {moved, paid},
		"?limit=1":                   {moved},
	} {
		p := v.Get("/portal/messages" + path)
		require.Equal(t, http.StatusOK, p.Status, path)
		for _, message := range []string{moved, paid, theirs} {
			require.Equal(t, slices.Contains(found, message), strings.Contains(p.Text, `href="/portal/messages/`+message), "%s: %s", path, message)
		}
		require.Equal(t, found == nil, p.Shows("Nothing found"), path)
	}
	require.Equal(t, "/portal/messages/"+paid, v.Get("/portal/messages?id=+invoice-17+").Location)
	require.Equal(t, "/portal/messages/"+moved, v.Get("/portal/messages?id="+moved).Location)
	for _, path := range []string{"?id=theirs", "?id=" + theirs, "?after=yesterday", "?event_types=a%20b"} {
		p := v.Get("/portal/messages" + path)
		require.Equal(t, http.StatusUnprocessableEntity, p.Status, path)
		require.Contains(t, p.Text, `role="alert"`, path)
	}
}

// TestMessage: a page shows the content, all that became of a message, and each attempt
// with what was answered, as text.
func TestMessage(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"paid","description":""}`)
	api, _ := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	e := api[strings.LastIndex(api, "/")+1:]
	m := post(t, w, app, `{"eventType":"paid","payload":{"note":"<script>alert(1)</script>"}}`)
	page := "/portal/messages/" + m
	v := w.Member(t, app)
	p := v.Get(page)
	require.True(t, p.Shows(`"note": "<script>alert(1)</script>"`))
	require.NotContains(t, p.Text, "<script>alert")
	require.True(t, p.Shows("On its way"), "to the endpoint that it is for")

	first := w.Tried(t, portaltest.Attempt{App: app, Endpoint: e, Message: m, Number: 1, Outcome: "rejected", Code: 500, Response: "<img src=x onerror=alert(1)>", Again: time.Hour})
	last := w.Tried(t, portaltest.Attempt{App: app, Endpoint: e, Message: m, Number: 2, Outcome: "timeout"})
	p = v.Get(page)
	for _, text := range []string{"https://x.example/in", "Given up", "Attempt 1", "500", "87 ms", "Attempt 2", "No answer in time"} {
		require.True(t, p.Shows(text), text)
	}
	require.NotContains(t, p.Text, "onerror", "answers are on the pages of the attempts")

	p = v.Get(page + "/attempts/" + last)
	require.True(t, p.Shows("No answer"))
	all := v.Get("/portal/endpoints/" + e + "/attempts?status=2&status_code_class=500")
	require.Contains(t, all.Text, page+"/attempts/"+first)
	require.NotContains(t, all.Text, last, "it had no answer")
	p = v.Get(page + "/attempts/" + first)
	require.Equal(t, http.StatusOK, p.Status)
	require.True(t, p.Shows("<img src=x onerror=alert(1)>"))
	require.NotContains(t, p.Text, "<img src=x")
	require.True(t, p.Shows("POST https://x.example/in"))
	require.True(t, p.Shows("no headers were kept"))
}

// TestAttemptHeaders: what was kept of the headers of an attempt is on its page, as text.
func TestAttemptHeaders(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"paid","description":""}`)
	api, _ := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	m := post(t, w, app, `{"eventType":"paid","payload":{}}`)
	tried := func(h *store.AttemptHeaders) portaltest.Page {
		a := portaltest.Attempt{App: app, Endpoint: api[strings.LastIndex(api, "/")+1:], Message: m, Number: 1, Outcome: "rejected", Code: 500, Headers: h}
		return w.Member(t, app).Get("/portal/messages/" + m + "/attempts/" + w.Tried(t, a))
	}
	row := func(name, value string) string {
		return `<th scope="row"><code>` + name + "</code></th>\n      <td data-label=\"Value\">" + value + "</td>"
	}
	p := tried(&store.AttemptHeaders{
		Sent: map[string]string{"Webhook-Id": m}, Hidden: []string{"X-Own"}, Cut: true,
		Answered: []store.Header{{"Set-Cookie", "xxxxx"}, {"X-A|b", "<img src=x onerror=alert(1)>"}, {"X-A|b", ""}},
	})
	for _, want := range []string{
		row("Webhook-Id", "<code>"+m+"</code>"), row("X-Own", `<span class="quiet">hidden</span>`), row("Set-Cookie", `<span class="quiet">hidden</span>`),
		row("X-A|b", "<code>&lt;img src=x onerror=alert(1)&gt;</code>"), row("X-A|b", "<code></code>"), "There were more headers",
	} {
		require.Contains(t, p.Text, want)
	}
	require.NotContains(t, p.Text, "no headers were kept")
	p = tried(&store.AttemptHeaders{Sent: map[string]string{"Webhook-Id": m}})
	require.Contains(t, p.Text, row("Webhook-Id", "<code>"+m+"</code>"))
	require.False(t, p.Shows("There were more headers"))
}

// TestFindFailed: messages are found by what became of them and what was answered.
func TestFindFailed(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"paid","description":""}`)
	api, _ := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	e := api[strings.LastIndex(api, "/")+1:]
	taken, dead, fresh := post(t, w, app, `{"eventType":"paid","payload":{}}`), post(t, w, app, `{"eventType":"paid","payload":{}}`), post(t, w, app, `{"eventType":"paid","payload":{}}`)
	w.Tried(t, portaltest.Attempt{App: app, Endpoint: e, Message: taken, Number: 1, Outcome: "success", Code: 204})
	w.Tried(t, portaltest.Attempt{App: app, Endpoint: e, Message: dead, Number: 1, Outcome: "rejected", Code: 404})
	v := w.Member(t, app)
	p := v.Get("/portal/messages")
	for _, state := range []string{"Delivered", "Given up", "Not tried yet"} {
		require.True(t, p.Shows("</span> "+state+"</span>"), state)
	}
	for query, found := range map[string]string{"status=0": taken, "status=2": dead, "status=1": fresh, "status_code_class=400&endpoint_id=" + e: dead} {
		p := v.Get("/portal/messages?" + query)
		for _, message := range []string{taken, dead, fresh} {
			require.Equal(t, message == found, strings.Contains(p.Text, `href="/portal/messages/`+message), query)
		}
	}
}

// TestContent: of what is long, only the beginning is shown, unless all is asked for.
func TestContent(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"paid","description":""}`)
	m := post(t, w, app, `{"eventType":"paid","payload":{"long":"`+strings.Repeat("€", 20_000)+`","last":true}}`)
	v := w.Member(t, app)
	p := v.Get("/portal/messages/" + m)
	require.False(t, p.Shows(`"last": true`))
	require.True(t, p.Shows("Show all 60\u202f0"))
	require.NotContains(t, p.Text, "\ufffd", "no character is cut in two")
	require.True(t, v.Get("/portal/messages/"+m+"?whole").Shows(`"last": true`))
}

// TestFollow: a page that shows what becomes of a message is told when that has ended.
func TestFollow(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "POST", "/event-type", `{"name":"paid","description":""}`)
	m := post(t, w, app, `{"eventType":"paid","payload":{}}`)
	v := w.Member(t, app)
	require.NotContains(t, v.Until("/portal/messages/"+m+"/live", "nothing has been tried yet"), "event: done")
	w.Publish(t)
	require.Contains(t, v.Until("/portal/messages/"+m+"/live", "event: done"), "No endpoint wanted it")
}
