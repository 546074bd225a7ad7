package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

func TestApplication(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	a := w.must(t, 201, "POST", "/app", `{"name":"Acme","uid":"acme","rateLimit":7,"metadata":{"k":"v"}}`)
	id := a.id(t)
	require.True(t, strings.HasPrefix(id, "app_"))
	require.Equal(t, map[string]any{
		"id": id, "uid": "acme", "name": "Acme", "throttleRate": 7.0, "rateLimit": 7.0, "weight": 1.0, "paused": false, "retrySchedule": nil, "metadata": map[string]any{"k": "v"},
		"createdAt": a.body["createdAt"], "updatedAt": a.body["updatedAt"],
	}, a.body)
	require.Equal(t, a.body, w.must(t, 200, "GET", "/app/acme", "").body)
	require.Equal(t, a.body, w.must(t, 200, "GET", "/app/"+id, "").body)

	w.send(t, "POST", "/app", `{"name":"Other","uid":"acme"}`).requireCode(t, 409, "conflict")
	require.Equal(t, id, w.must(t, 200, "POST", "/app?get_if_exists=true", `{"name":"Other","uid":"acme"}`).id(t))
	w.must(t, 201, "POST", "/app?get_if_exists=true", `{"name":"Other","uid":"other"}`)
	w.must(t, 201, "POST", "/app?get_if_exists=true", `{"name":"Other"}`)

	t.Run("patch keeps what is absent and clears what is null", func(t *testing.T) {
		w.must(t, 200, "PATCH", "/app/acme", `{}`)
		a := w.must(t, 200, "PATCH", "/app/acme", `{"throttleRate":9}`)
		require.Equal(t, []any{"Acme", "acme", 9.0, map[string]any{"k": "v"}},
			[]any{a.body["name"], a.body["uid"], a.body["throttleRate"], a.body["metadata"]})
		a = w.must(t, 200, "PATCH", "/app/acme", `{"uid":null,"throttleRate":null,"metadata":null}`)
		require.Equal(t, []any{"Acme", nil, nil, map[string]any{}},
			[]any{a.body["name"], a.body["uid"], a.body["throttleRate"], a.body["metadata"]})
		w.must(t, 404, "GET", "/app/acme", "")
		w.send(t, "PATCH", "/app/"+id, `{"uid":"other"}`).requireCode(t, 409, "conflict")
		w.must(t, 404, "PATCH", "/app/nobody", `{}`)
	})
	t.Run("has a weight and a schedule", func(t *testing.T) {
		own := func(method, body string) []any {
			a := w.must(t, 200, method, "/app/"+id, body)
			return []any{a.body["weight"], a.body["retrySchedule"]}
		}
		require.Equal(t, []any{100.0, []any{"5s", "1m30s"}}, own("PATCH", `{"weight":100,"retrySchedule":["5s","90s"]}`))
		require.Equal(t, []any{100.0, []any{}}, own("PATCH", `{"retrySchedule":[]}`), "no retries")
		require.Equal(t, []any{1.0, nil}, own("PATCH", `{"weight":null,"retrySchedule":null}`))
		require.Equal(t, []any{7.0, []any{"1s"}}, own("PUT", `{"name":"Acme","weight":7,"retrySchedule":["1s"]}`))
		snap, err := w.store.Snapshot(t.Context(), parse(t, event.Tenant, id))
		require.NoError(t, err)
		require.Equal(t, 7, snap.Weight)
		require.Equal(t, []any{1.0, nil}, own("PUT", `{"name":"Acme"}`))
	})
	t.Run("is paused and resumed", func(t *testing.T) {
		for range 2 { // again, it changes nothing
			require.Equal(t, true, w.must(t, 200, "POST", "/app/"+id+"/pause", "").body["paused"])
		}
		require.Equal(t, true, w.must(t, 200, "PUT", "/app/"+id, `{"name":"Acme","paused":false}`).body["paused"], "who changes it can only read that")
		for range 2 {
			a := w.must(t, 200, "POST", "/app/"+id+"/resume", "")
			require.Equal(t, false, a.body["paused"])
			require.Equal(t, a.body, w.must(t, 200, "GET", "/app/"+id, "").body)
		}
		w.send(t, "POST", "/app/nobody/pause", ``).requireCode(t, 404, "not_found")
	})
	t.Run("put replaces, or creates", func(t *testing.T) {
		a := w.must(t, 200, "PUT", "/app/"+id, `{"name":"New"}`)
		require.Equal(t, []any{id, "New", nil, map[string]any{}}, []any{a.body["id"], a.body["name"], a.body["uid"], a.body["metadata"]})
		a = w.must(t, 201, "PUT", "/app/unknown", `{"name":"New","uid":"new"}`)
		require.NotEqual(t, id, a.id(t))
		require.Equal(t, a.id(t), w.must(t, 200, "PUT", "/app/new", `{"name":"Newer","uid":"new"}`).id(t))
		w.send(t, "PUT", "/app/new", `{"name":"New","uid":"other"}`).requireCode(t, 409, "conflict")
	})
	t.Run("deleted is gone, and its uid free", func(t *testing.T) {
		w.must(t, 204, "DELETE", "/app/new", "")
		w.must(t, 404, "DELETE", "/app/new", "")
		w.must(t, 404, "GET", "/app/new", "")
		w.must(t, 404, "GET", "/app/new/endpoint", "")
		w.must(t, 201, "POST", "/app", `{"name":"New","uid":"new"}`)
	})
	w.must(t, 404, "GET", "/app/"+event.Tenant.Format(event.NewID()), "")
}

// TestSearchApplications finds a part of a name or of a uid, and takes what else
// means something to a database for text.
func TestSearchApplications(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, 201, "POST", "/app", `{"name":"Acme 100%","uid":"one"}`)
	w.must(t, 201, "POST", "/app", `{"name":"Großhandel"}`)
	w.must(t, 201, "POST", "/app", `{"name":"Third","uid":"acme_3"}`)
	for search, want := range map[string][]any{
		"": {"Acme 100%", "Großhandel", "Third"}, "ACME": {"Acme 100%", "Third"}, "100%": {"Acme 100%"}, "%": {"Acme 100%"},
		"_3": {"Third"}, "GROß": {"Großhandel"}, `\`: {}, "'": {}, "nobody": {},
	} {
		found := []any{}
		for _, app := range w.must(t, 200, "GET", "/app?search="+url.QueryEscape(search), "").body["data"].([]any) {
			found = append(found, app.(map[string]any)["name"])
		}
		require.Equal(t, want, found, "%q", search)
	}
	page := w.must(t, 200, "GET", "/app?search=acme&limit=1", "")
	require.Equal(t, false, page.body["done"])
	next := w.must(t, 200, "GET", "/app?search=acme&limit=1&iterator="+page.body["iterator"].(string), "")
	require.Equal(t, "Third", next.body["data"].([]any)[0].(map[string]any)["name"])
	for _, bad := range []string{"%00", "%ff", strings.Repeat("a", 257)} {
		w.must(t, 422, "GET", "/app?search="+bad, "")
	}
}

// TestPages walks through lists in every direction.
func TestPages(t *testing.T) {
	t.Parallel()
	w := start(t)
	var apps []any
	for n := range 5 {
		apps = append(apps, w.app(t, fmt.Sprintf(`{"name":"%d"}`, n)))
	}
	for _, test := range []struct {
		name, query string
		want        []any
	}{
		{"ascending", "", []any{apps[0], apps[1], apps[2], apps[3], apps[4]}},
		{"descending", "order=descending", []any{apps[4], apps[3], apps[2], apps[1], apps[0]}},
	} {
		for _, limit := range []int{1, 2, 5, 250} {
			t.Run(fmt.Sprintf("%s by %d", test.name, limit), func(t *testing.T) {
				t.Parallel()
				path := fmt.Sprintf("/app?limit=%d&%s", limit, test.query)
				forth, last := w.walk(t, path, "iterator")
				require.Equal(t, test.want, forth)
				back, _ := w.walk(t, path+"&iterator="+last.body["prevIterator"].(string), "prevIterator")
				n := len(test.want) - len(last.data(t, "id"))
				require.ElementsMatch(t, test.want[:n], back)
			})
		}
	}
	t.Run("an empty page", func(t *testing.T) {
		t.Parallel()
		a := w.must(t, 200, "GET", "/app?iterator="+apps[4].(string), "")
		require.JSONEq(t, `{"data":[],"iterator":null,"prevIterator":null,"done":true}`, a.text)
	})
}

// walk follows an iterator to the end of a list, and returns its items and the
// last page.
func (w *world) walk(t *testing.T, path, iterator string) (items []any, last answer) {
	t.Helper()
	for next := path; ; {
		last = w.must(t, http.StatusOK, "GET", next, "")
		items = append(items, last.data(t, "id")...)
		if last.body["done"] == true {
			return items, last
		}
		base, _, _ := strings.Cut(path, "&iterator=")
		next = base + "&iterator=" + last.body[iterator].(string)
	}
}
