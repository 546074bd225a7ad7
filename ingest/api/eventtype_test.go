package api_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventType(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	a := w.must(t, 201, "POST", "/event-type", `{"name":"user.signup","description":"d","schemas":{"1":{"type":"object"}},"featureFlag":"beta"}`)
	require.Equal(t, map[string]any{
		"name": "user.signup", "description": "d", "archived": false, "deprecated": false, "featureFlag": "beta", "featureFlags": []any{"beta"}, "groupName": nil,
		"schemas": map[string]any{"1": map[string]any{"type": "object"}}, "createdAt": a.body["createdAt"], "updatedAt": a.body["updatedAt"],
	}, a.body)
	require.Equal(t, a.body, w.must(t, 200, "GET", "/event-type/user.signup", "").body)
	w.send(t, "POST", "/event-type", `{"name":"user.signup","description":""}`).requireCode(t, 409, "event_type_exists")

	t.Run("patch", func(t *testing.T) {
		a := w.must(t, 200, "PATCH", "/event-type/user.signup", `{"deprecated":true,"featureFlag":null}`)
		require.Equal(t, []any{true, nil, "d"}, []any{a.body["deprecated"], a.body["featureFlag"], a.body["description"]})
		require.NotNil(t, a.body["schemas"])
		require.Nil(t, w.must(t, 200, "PATCH", "/event-type/user.signup", `{"schemas":null}`).body["schemas"])
		w.must(t, 404, "PATCH", "/event-type/missing", `{}`)
	})
	t.Run("feature flags and group", func(t *testing.T) {
		flags := func(patch string) []any {
			a := w.must(t, 200, "PATCH", "/event-type/user.signup", patch)
			return []any{a.body["featureFlags"], a.body["featureFlag"], a.body["groupName"]}
		}
		require.Equal(t, []any{[]any{"a", "b"}, "a", "user"}, flags(`{"featureFlags":["a","b"],"groupName":"user"}`))
		require.Equal(t, []any{[]any{"a", "b"}, "a", "user"}, flags(`{}`))
		require.Equal(t, []any{[]any{"a", "b"}, "a", "user"}, flags(`{"featureFlags":["a","b"],"featureFlag":"c"}`))
		require.Equal(t, []any{[]any{"c"}, "c", "user"}, flags(`{"featureFlag":"c"}`), "the older name")
		require.Equal(t, []any{nil, nil, nil}, flags(`{"featureFlags":null,"groupName":null}`))
	})
	t.Run("put", func(t *testing.T) {
		a := w.must(t, 200, "PUT", "/event-type/user.signup", `{"description":"new"}`)
		require.Equal(t, []any{"new", false}, []any{a.body["description"], a.body["deprecated"]})
		require.Equal(t, "made", w.must(t, 201, "PUT", "/event-type/made", `{"description":""}`).body["name"])
		w.send(t, "PUT", "/event-type/a%20b", `{"description":""}`).requireInvalid(t, "path.name")
	})
	t.Run("delete archives, and creating brings it back", func(t *testing.T) {
		w.must(t, 204, "DELETE", "/event-type/made", "")
		require.Equal(t, true, w.must(t, 200, "GET", "/event-type/made", "").body["archived"])
		require.Equal(t, []any{"user.signup"}, w.must(t, 200, "GET", "/event-type", "").data(t, "name"))
		require.Equal(t, []any{"made", "user.signup"}, w.must(t, 200, "GET", "/event-type?include_archived=true", "").data(t, "name"))
		require.Equal(t, false, w.must(t, 201, "POST", "/event-type", `{"name":"made","description":"again"}`).body["archived"])
		w.must(t, 204, "DELETE", "/event-type/made?expunge=true", "")
		w.must(t, 404, "GET", "/event-type/made", "")
		w.must(t, 404, "DELETE", "/event-type/made", "")
	})
	t.Run("list tells schemas only when asked", func(t *testing.T) {
		w.must(t, 200, "PATCH", "/event-type/user.signup", `{"schemas":{"1":true}}`)
		require.Equal(t, []any{nil}, w.must(t, 200, "GET", "/event-type", "").data(t, "schemas"))
		require.Equal(t, []any{map[string]any{"1": true}}, w.must(t, 200, "GET", "/event-type?with_content=true", "").data(t, "schemas"))
	})
	t.Run("list by name, whatever names begin with", func(t *testing.T) {
		names := []any{"--", "-a", ".", "A", "_", "b"}
		for _, name := range names {
			w.must(t, 201, "POST", "/event-type", `{"name":"`+name.(string)+`","description":""}`)
		}
		names = append(names, "user.signup")
		var found []any
		path := "/event-type?limit=1"
		for {
			a := w.must(t, 200, "GET", path, "")
			found = append(found, a.data(t, "name")...)
			if a.body["done"] == true {
				path = "/event-type?limit=250&iterator=" + url.QueryEscape(a.body["prevIterator"].(string))
				break
			}
			path = "/event-type?limit=1&iterator=" + url.QueryEscape(a.body["iterator"].(string))
		}
		require.Equal(t, names, found)
		require.Equal(t, names[:len(names)-1], w.must(t, 200, "GET", path, "").data(t, "name"))
		require.Equal(t, []any{"--"}, w.must(t, 200, "GET", "/event-type?iterator="+url.QueryEscape("--a"), "").data(t, "name"))
		slices.Reverse(names)
		require.Equal(t, names, w.must(t, 200, "GET", "/event-type?order=descending", "").data(t, "name"))
		require.Equal(t, []any{"b", "_"}, w.must(t, 200, "GET", "/event-type?order=descending&limit=2&iterator=user.signup", "").data(t, "name"))
		require.Equal(t, []any{"b", "_"}, w.must(t, 200, "GET", "/event-type?order=descending&limit=2&iterator=-A", "").data(t, "name"))
	})
}
