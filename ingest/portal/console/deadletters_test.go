package console_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// dead makes an application with an endpoint at which some messages were given up, for
// reasons in turn, and returns its id.
func dead(t *testing.T, w *portaltest.World, name, reason string, n int) string {
	t.Helper()
	app := w.App(t, name)
	endpoint := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://`+reason+`.example/"}`))
	parse := func(kind event.Kind, text string) event.ID {
		id, err := kind.Parse(text)
		require.NoError(t, err)
		return id
	}
	letters := make([]store.DeadLetter, n)
	for i := range letters {
		message := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/msg", `{"eventType":"invoice.paid","payload":{}}`))
		letters[i] = store.DeadLetter{
			Tenant: parse(event.Tenant, app), Endpoint: parse(event.Endpoint, endpoint), Event: parse(event.Message, message),
			Type: "invoice.paid", Reason: reason, Attempts: 8,
		}
	}
	require.NoError(t, w.Store.RecordDeadLetters(t.Context(), letters))
	return app
}

// TestDeadLetters: those of all applications are told of by names, found by what is
// asked for, and sent again where somebody has read how many.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	require.True(t, v.Get("/console/dead-letters").Shows("Nothing was given up"))
	acme, globex := dead(t, w, "Acme", "timeout", 3), dead(t, w, "Globex", "dns", 1)
	p := v.Get("/console/dead-letters")
	for _, said := range []string{"Acme", "Globex", "https://timeout.example/", "No answer in time: 3", "The host has no address: 1"} {
		require.True(t, p.Shows(said), said)
	}
	p = v.Get(p.Link(t, "Globex"))
	require.True(t, p.Shows("Globex"))

	p = v.Get("/console/dead-letters?reason=+timeout+&after=2020-01-01T00%3A00&event_types=invoice.paid")
	require.True(t, p.Shows("https://timeout.example/"))
	require.False(t, p.Shows("https://dns.example/"))
	confirm := p.Link(t, "Send again…")
	p = v.Get(confirm)
	require.True(t, p.Shows("3 dead letters are sent again"))
	require.True(t, p.Shows("all applications"))
	job := v.Post(confirm).Location
	require.True(t, v.Get(job).Shows("Redrive of dead letters"))
	require.True(t, v.Get(job).Shows("Running"))

	require.True(t, v.Get("/console/dead-letters/redrive?app_id="+globex).Shows("They are of Globex."))
	require.Contains(t, v.Post("/console/dead-letters/redrive?app_id="+acme).Location, "/console/jobs/")
	require.Contains(t, v.Post("/console/dead-letters/redrive").Location, "/console/jobs/", "all of them")

	for _, none := range []string{"?app_id=nobody", "?reason=tls", "?before=2020-01-01"} {
		require.True(t, v.Get("/console/dead-letters"+none).Shows("No dead letter is like that"), none)
	}
	for _, wrong := range []string{"?after=yesterday", "?endpoint_id=hook", "?reason=%3Cb%3E"} {
		p = v.Get("/console/dead-letters" + wrong)
		require.Equal(t, http.StatusUnprocessableEntity, p.Status, wrong)
		require.Contains(t, p.Text, `role="alert"`)
	}
}
