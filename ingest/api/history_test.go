package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestShortPages walks lists in which hardly anything matches, by pages that may
// look at three rows each.
func TestShortPages(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	s.BoundPages(3)
	w := startOn(t, s)
	app, err := event.Tenant.Parse(w.app(t, `{"name":"a","uid":"a"}`))
	require.NoError(t, err)
	endpoint, err := event.Endpoint.Parse(w.must(t, http.StatusCreated, "POST", "/app/a/endpoint", `{"uid":"one","url":"https://example.com/"}`).id(t))
	require.NoError(t, err)
	var messages, attempts []any // the rare ones, newest first
	for n := range 20 {
		channel := map[bool]string{true: "rare", false: "usual"}[n%9 == 4]
		message := w.message(t, "a", fmt.Sprintf(`{"eventType":"a","payload":{},"channels":[%q]}`, channel))
		id, err := event.Message.Parse(message)
		require.NoError(t, err)
		a := store.Attempt{ID: event.NewID(), Tenant: app, Event: id, Endpoint: endpoint, Number: 1, Outcome: store.OutcomeSuccess, Response: []byte{}}
		require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{a}))
		if channel == "rare" {
			messages, attempts = append(messages, message), append(attempts, event.Attempt.Format(a.ID))
		}
	}
	slices.Reverse(messages)
	slices.Reverse(attempts)
	for path, want := range map[string][]any{
		"/app/a/msg": messages, "/app/a/endpoint/one/msg": messages, "/app/a/attempt/endpoint/one": attempts,
	} {
		path += "?limit=10&channel="
		first := w.must(t, http.StatusOK, "GET", path+"rare", "")
		require.Empty(t, first.data(t, "id"), path)
		require.Equal(t, false, first.body["done"], "%s: it has found nothing yet", path)
		require.Equal(t, "-"+first.body["iterator"].(string), first.body["prevIterator"], "%s leads on from where it stopped", path)

		forth, last := w.walk(t, path+"rare", "iterator")
		require.Equal(t, want, forth, path)
		require.Nil(t, last.body["iterator"], "%s ends with an empty page", path)
		oldest := w.must(t, http.StatusOK, "GET", path+"usual&after=2000-01-01T00:00:00Z", "").body["iterator"].(string)
		back, _ := w.walk(t, path+"rare&iterator=-"+oldest, "prevIterator")
		slices.Reverse(back)
		require.Equal(t, want, back, "%s, back from the oldest", path)
	}
}
