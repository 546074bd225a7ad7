package console_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
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

// TestSearchApplication: a part of a name is enough, an id or a uid leads there at once,
// and what can be none is explained at the field.
func TestSearchApplication(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	acme := portaltest.ID(t, w.API(t, "POST", "/app", `{"name":"Acme Inc.","uid":"acme"}`))
	w.App(t, "Globex")
	p := v.Get("/console/applications?search=+INC+")
	require.True(t, p.Shows("Acme Inc."))
	require.False(t, p.Shows("Globex"))
	for _, exact := range []string{acme, "acme"} {
		require.Equal(t, "/console/applications/"+acme, v.Get("/console/applications?search="+exact).Location)
	}
	require.True(t, v.Get("/console/applications?search=nobody").Shows("Nothing found"))
	p = v.Get("/console/applications?search=%00")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.True(t, p.Shows("must be at most 256 bytes of text"))
}

// TestChangeApplication: what the form says is what the API has, and what the API
// refuses stands at its field.
func TestChangeApplication(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	p := v.Post("/console/applications/new", "name", "", "weight", "many")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.Contains(t, p.Text, `id="name-fault"`)
	require.Contains(t, p.Text, `value="many"`)
	p = v.Post("/console/applications/new", "name", "Acme", "uid", "acme", "throttleRate", "20", "weight", "3", "retrySchedule", "5s, 2h")
	page := p.Location
	p = v.Get(page)
	for _, said := range []string{"Acme", "acme", "20 deliveries a second", "3 times the turns", "after 5s, 2h"} {
		require.True(t, p.Shows(said), said)
	}
	p = v.Get(page + "/edit")
	for _, said := range []string{`value="Acme"`, `value="acme"`, `value="20"`, `value="3"`, `value="5s, 2h"`} {
		require.Contains(t, p.Text, said)
	}
	require.Equal(t, page, v.Post(page+"/edit", "name", "Acme", "retrySchedule", "none").Location)
	app := w.API(t, "GET", "/app/"+page[len("/console/applications/"):], "")
	require.Equal(t, []any{nil, nil, 1.0, []any{}}, []any{app["uid"], app["throttleRate"], app["weight"], app["retrySchedule"]})
	require.Contains(t, v.Get(page+"/edit").Text, `value="none"`)

	w.API(t, "POST", "/app", `{"name":"Other","uid":"other"}`)
	p = v.Post(page+"/edit", "name", "Acme", "uid", "other")
	require.Contains(t, p.Text, `id="uid-fault"`)
	require.Equal(t, http.StatusNotFound, v.Get("/console/applications/app_nobody/edit").Status)
}

// TestPauseApplication: it waits, says so, and goes on.
func TestPauseApplication(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	page := "/console/applications/" + w.App(t, "Acme")
	require.Equal(t, page, v.Post(page+"/pause").Location)
	require.True(t, v.Get(page).Shows("until it is resumed"))
	require.Equal(t, page, v.Post(page+"/resume").Location)
	require.False(t, v.Get(page).Shows("until it is resumed"))
}

// TestOpenPortal: the link that an operator gets is that of the application.
func TestOpenPortal(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	p := w.Operator(t).Post("/console/applications/" + app + "/portal")
	link := p.Link(t, "Open portal")
	member := w.Visitor(t)
	require.Equal(t, "/portal/", member.Post("/login", "key", link).Location)
	require.True(t, member.Get("/portal/endpoints").Shows("Acme"))
}

// TestApplicationNow: what an application has is told beside what all have, also when
// it is nothing; without NATS that is not known.
func TestApplicationNow(t *testing.T) {
	t.Parallel()
	var talk api.Talk
	var away error
	w := portaltest.Start(t, func(c *api.Config) { c.Talk = func(context.Context) (api.Talk, error) { return talk, away } })
	v := w.Operator(t)
	page := "/console/applications/" + w.App(t, "Acme") + "/now"
	loud := w.App(t, "Loud")
	id, err := event.Tenant.Parse(loud)
	require.NoError(t, err)
	talk = api.Talk{Workers: 1, Slots: 57, Talkers: []api.Talker{
		{Talker: event.Talker{Tenant: id, Slots: 41, Waiting: 17}, Backlog: 4711, Oldest: time.Now().Add(-3 * time.Minute)},
	}}
	p := v.Get("/console/applications/" + loud + "/now")
	for _, said := range []string{"41", "of 57", "17", "4\u202f711", "3 min"} {
		require.True(t, p.Shows(said), said)
	}
	p = v.Get(page)
	require.True(t, p.Shows("of 57"))
	require.False(t, p.Shows("41"))
	away = bus.ErrDisconnected
	require.True(t, v.Get(page).Shows("cannot be known at the moment"))
}
