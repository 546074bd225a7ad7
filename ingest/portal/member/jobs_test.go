package member_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// failed makes an application with an endpoint that has failed to take some messages,
// which are dead letters.
func failed(t *testing.T, w *portaltest.World, n int) (app, endpointID string, messages []string) {
	t.Helper()
	app = w.App(t, "Acme")
	w.API(t, "PUT", "/event-type/paid", `{"description":""}`)
	api, _ := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	endpointID = api[strings.LastIndex(api, "/")+1:]
	for range n {
		m := post(t, w, app, `{"eventType":"paid","payload":{}}`)
		w.GivenUp(t, portaltest.Attempt{App: app, Endpoint: endpointID, Message: m, Number: 1, Outcome: "rejected", Code: 500}, "paid")
		messages = append(messages, m)
	}
	return app, endpointID, messages
}

// work does the next part of a job, and reports whether it has ended.
func work(t *testing.T, w *portaltest.World, page string) bool {
	t.Helper()
	return w.Work(t, page[strings.LastIndex(page, "/")+1:])
}

// finish does a job to its end.
func finish(t *testing.T, w *portaltest.World, page string) {
	t.Helper()
	for !work(t, w, page) { //nolint:revive // each does a part
	}
}

// TestRecover: what is wrong with the range of time is told at its field; put right, a
// job begins whose page says how far it is until it has ended.
func TestRecover(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app, e, _ := failed(t, w, 3)
	v := w.Member(t, app)
	page := "/portal/endpoints/" + e + "/recover"
	require.True(t, v.Get("/portal/jobs").Shows("No jobs yet"))
	require.True(t, v.Get(page).Shows("failed to take"))
	for field, filled := range map[string][]string{
		"since": {"span", "", "since", "2020-01-01T00:00"},
		"until": {"span", "1h", "until", "2020-01-01T00:00"},
	} {
		p := v.Post(page, filled...)
		require.Equal(t, http.StatusUnprocessableEntity, p.Status)
		require.Contains(t, p.Text, `id="`+field+`-fault"`)
		require.Contains(t, p.Text, `value="2020-01-01T00:00"`)
	}
	job := v.Post(page, "span", "1h").Location
	require.Contains(t, job, "/portal/jobs/qtask_")
	require.True(t, v.Get(job).Shows("Recovery of failed messages"))
	require.True(t, v.Get("/portal/jobs").Shows("Running"))

	require.False(t, work(t, w, job))
	require.Contains(t, v.Until(job+"/live", "Updated"), "<b>2")
	require.True(t, work(t, w, job))
	require.Contains(t, v.Until(job+"/live", "event: done"), `<span class="quiet">On their way</span><b>3</b>`)
	require.False(t, v.Get("/portal/jobs").Shows("Running"))
}

// TestCancelJob: a job is ended by whoever may start one.
func TestCancelJob(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app, e, _ := failed(t, w, 3)
	v := w.Member(t, app)
	job := v.Post("/portal/endpoints/"+e+"/recover", "span", "24h").Location
	require.Equal(t, job, v.Post(job+"/cancel").Location)
	require.True(t, v.Get(job).Shows("Cancelled"))
}

// TestReplayMissing: what an endpoint was never sent is sent once it is asked for, and
// one that is disabled has to be enabled before.
func TestReplayMissing(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	w.API(t, "PUT", "/event-type/paid", `{"description":""}`)
	post(t, w, app, `{"eventType":"paid","payload":{}}`)
	api, page := endpoint(t, w, app, `{"url":"https://x.example/in","disabled":true}`)
	v := w.Member(t, app)
	require.True(t, v.Get(page+"/replay").Shows("This endpoint is disabled"))
	p := v.Post(page+"/replay", "span", "1h")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.True(t, p.Shows("enable it first"))
	w.API(t, "PATCH", api, `{"disabled":false}`)
	job := v.Post(page+"/replay", "span", "1h").Location
	require.True(t, work(t, w, job))
	require.Contains(t, v.Get(job).Text, `<span class="quiet">On their way</span><b>1</b>`)
}

// TestResend: it is asked for at the page of the message, which goes on showing what
// becomes of it.
func TestResend(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app, e, messages := failed(t, w, 1)
	v := w.Member(t, app)
	page := "/portal/messages/" + messages[0]
	p := v.Post(page+"/resend", "endpoint", e)
	require.Equal(t, page+"?watch", p.Location)
	require.Contains(t, v.Get(p.Location).Text, `sse-connect="`+page+`/live?watch"`)
	require.True(t, v.Get("/portal/jobs").Shows("Resend of a message"))
	require.Equal(t, http.StatusNotFound, v.Post(page+"/resend", "endpoint", "elsewhere").Status)
}

// TestDeadLetters: they are listed and counted as they are asked for, and those are sent
// again that were: how many is said before.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app, e, messages := failed(t, w, 3)
	v := w.Member(t, app)
	list := v.Get("/portal/dead-letters")
	for _, m := range messages {
		require.Contains(t, list.Text, "/portal/messages/"+m)
	}
	require.True(t, list.Shows("Refused: 3"))
	require.True(t, v.Get("/portal/dead-letters?reason=timeout").Shows("Nothing found"))
	require.Equal(t, http.StatusUnprocessableEntity, v.Get("/portal/dead-letters?after=never").Status)

	chosen := "?endpoint_id=" + e + "&event_types=paid&reason=rejected"
	require.True(t, v.Get("/portal/dead-letters/redrive"+chosen).Shows("3 dead letters are sent again"))
	require.True(t, v.Get("/portal/dead-letters/redrive?reason=timeout").Shows("0 dead letters are sent again"))
	job := v.Post("/portal/dead-letters/redrive?reason=timeout").Location
	finish(t, w, job)
	require.True(t, v.Get("/portal/dead-letters").Shows("Refused: 3"))
	job = v.Post("/portal/dead-letters/redrive" + chosen).Location
	finish(t, w, job)
	require.True(t, v.Get("/portal/dead-letters").Shows("No dead letters"))
}
