package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// TestTalkers: the noisy are called by their names, most first by what was asked for,
// and those that have been deleted by their ids.
func TestTalkers(t *testing.T) {
	t.Parallel()
	var talk api.Talk
	var away error
	w := portaltest.Start(t, func(c *api.Config) { c.Talk = func(context.Context) (api.Talk, error) { return talk, away } })
	v := w.Operator(t)
	require.True(t, v.Get("/console/talkers").Shows("No deliver process answers"))
	talk.Workers = 1
	require.True(t, v.Get("/console/talkers").Shows("Nothing waits"))

	of := func(kind event.Kind, text string) event.ID {
		id, err := kind.Parse(text)
		require.NoError(t, err)
		return id
	}
	loud, old, gone := w.App(t, "Loud"), w.App(t, "Old"), event.NewID()
	hook := portaltest.ID(t, w.API(t, "POST", "/app/"+loud+"/endpoint", `{"url":"https://example.com/hook"}`))
	talk.Talkers = []api.Talker{
		{Talker: event.Talker{Tenant: of(event.Tenant, old), Slots: 9}, Backlog: 3, Oldest: time.Now().Add(-time.Hour)},
		{Talker: event.Talker{Tenant: of(event.Tenant, loud), Slots: 7}, Backlog: 4000},
		{Talker: event.Talker{Tenant: gone, Slots: 1}, Backlog: 1},
		{Talker: event.Talker{Tenant: of(event.Tenant, loud), Endpoint: of(event.Endpoint, hook), Slots: 7}, Backlog: 4000},
	}
	p := v.Get("/console/talkers")
	require.True(t, p.Shows("https://example.com/hook"))
	require.True(t, p.Shows(event.Tenant.Format(gone)))
	require.Less(t, strings.Index(p.Text, ">Loud<"), strings.Index(p.Text, ">Old<"))
	p = v.Get("/console/talkers?by=slots")
	require.Less(t, strings.Index(p.Text, ">Old<"), strings.Index(p.Text, ">Loud<"))
	p = v.Get("/console/talkers?by=age")
	require.True(t, p.Shows("Old"))
	require.False(t, p.Shows("Loud"))

	away = bus.ErrDisconnected
	require.True(t, v.Get("/console/talkers").Shows("cannot be known at the moment"))
}
