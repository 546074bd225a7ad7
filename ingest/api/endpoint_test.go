package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestEndpoint(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"paid","description":""}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"old","description":"","archived":true}`)
	a := w.must(t, 201, "POST", "/app/a/endpoint/", `{"url":"HTTPS://Example.COM","uid":"one","filterTypes":["paid"],"channels":["eu"],
		"rateLimit":5,"retrySchedule":["5s","90m"],"timeoutMs":2500,"version":3,"metadata":{"k":"v"},"unknown":1,"headers":{"X-Team":"blue"}}`)
	id := a.id(t)
	require.True(t, strings.HasPrefix(id, "ep_"))
	require.Equal(t, map[string]any{
		"id": id, "uid": "one", "url": "https://example.com/", "description": "", "disabled": false, "disabledReason": nil, "disabledAt": nil, "paused": false,
		"circuit": closed(), "ordered": false, "orderedPolicy": "block", "verify": false, "verification": verification("unverified", nil, nil),
		"eventTypes": []any{"paid"}, "filterTypes": []any{"paid"}, "channels": []any{"eu"}, "throttleRate": 5.0, "rateLimit": 5.0,
		"retrySchedule": []any{"5s", "1h30m"}, "timeoutMs": 2500.0, "version": 3.0, "metadata": map[string]any{"k": "v"}, "createdAt": a.body["createdAt"], "updatedAt": a.body["updatedAt"],
	}, a.body)
	one := "/app/" + app + "/endpoint/one"
	require.Equal(t, a.body, w.must(t, 200, "GET", one, "").body)
	require.Equal(t, map[string]any{"X-Team": "blue"}, w.must(t, 200, "GET", one+"/headers", "").body["headers"])

	t.Run("is the tenant's own", func(t *testing.T) {
		other := w.app(t, `{"name":"b"}`)
		for _, path := range []string{"/app/" + other + "/endpoint/" + id, "/app/" + other + "/endpoint/one", "/app/nobody/endpoint/one"} {
			for _, call := range [][2]string{
				{"GET", ""},
				{"PATCH", ""},
				{"DELETE", ""},
				{"GET", "/secret"},
				{"POST", "/secret/rotate"},
				{"GET", "/headers"},
				{"GET", "/dlq"},
				{"POST", "/pause"},
				{"POST", "/resume"},
				{"POST", "/circuit/reset"},
				{"POST", "/verify"},
				{"POST", "/dlq/redrive"},
			} {
				w.send(t, call[0], path+call[1], `{}`).requireCode(t, 404, "not_found")
			}
		}
		w.must(t, 201, "POST", "/app/"+other+"/endpoint", `{"url":"https://example.com","uid":"one"}`)
		w.send(t, "POST", "/app/a/endpoint", `{"url":"https://example.com","uid":"one"}`).requireCode(t, 409, "conflict")
		w.send(t, "POST", "/app/nobody/endpoint", `{"url":"https://example.com"}`).requireCode(t, 404, "not_found")
	})
	t.Run("asks for event types that there are", func(t *testing.T) {
		for _, member := range []string{"eventTypes", "filterTypes"} {
			for _, name := range []string{"missing", "old"} {
				w.send(t, "POST", "/app/a/endpoint", `{"url":"https://example.com","`+member+`":["paid","`+name+`"]}`).requireInvalid(t, "body.eventTypes")
				w.send(t, "PATCH", one, `{"`+member+`":["`+name+`"]}`).requireInvalid(t, "body.eventTypes")
			}
		}
	})
	t.Run("patch", func(t *testing.T) {
		a := w.must(t, 200, "PATCH", one, `{"disabled":true}`)
		require.Equal(t, []any{true, "https://example.com/", []any{"paid"}, []any{"eu"}, 5.0, "one"},
			[]any{a.body["disabled"], a.body["url"], a.body["eventTypes"], a.body["channels"], a.body["throttleRate"], a.body["uid"]})
		a = w.must(t, 200, "PATCH", one, `{"filterTypes":null,"channels":null,"throttleRate":null,"description":"d"}`)
		require.Equal(t, []any{true, nil, nil, nil, "d"},
			[]any{a.body["disabled"], a.body["eventTypes"], a.body["channels"], a.body["throttleRate"], a.body["description"]})
	})
	t.Run("tells why it is disabled", func(t *testing.T) {
		a := w.must(t, 200, "GET", one, "")
		require.Nil(t, a.body["disabledReason"], "its owner's wish")
		require.NotNil(t, a.body["disabledAt"])
		w.must(t, 200, "PATCH", one, `{"disabled":false}`)
		_, err := w.store.DisableEndpoint(t.Context(), parse(t, event.Tenant, app), parse(t, event.Endpoint, id), store.DisabledFailing)
		require.NoError(t, err)
		a = w.must(t, 200, "PATCH", one, `{"disabledReason":"mine","disabledAt":1}`)
		require.Equal(t, []any{true, "failing"}, []any{a.body["disabled"], a.body["disabledReason"]}, "who wants to can only read it")
		a = w.must(t, 200, "PUT", one, `{"url":"https://example.com","uid":"one","retrySchedule":["5s","90m"],"timeoutMs":2500}`)
		require.Equal(t, []any{false, nil, nil}, []any{a.body["disabled"], a.body["disabledReason"], a.body["disabledAt"]})
	})
	t.Run("is paused and resumed", func(t *testing.T) {
		for range 2 { // again, it changes nothing
			require.Equal(t, true, w.must(t, 200, "POST", one+"/pause", "").body["paused"])
		}
		require.Equal(t, true, w.must(t, 200, "PATCH", one, `{"paused":false}`).body["paused"], "who changes it can only read that")
		for range 2 {
			a := w.must(t, 200, "POST", one+"/resume", "")
			require.Equal(t, false, a.body["paused"])
			require.Equal(t, a.body, w.must(t, 200, "GET", one, "").body)
		}
	})
	t.Run("is ordered", func(t *testing.T) {
		require.Equal(t, true, w.must(t, 200, "PATCH", one, `{"ordered":true}`).body["ordered"])
		require.Equal(t, true, w.must(t, 200, "PATCH", one, `{}`).body["ordered"])
		snap, err := w.store.Snapshot(t.Context(), parse(t, event.Tenant, app))
		require.NoError(t, err)
		require.True(t, snap.Targets[0].Ordered)
		require.Equal(t, true, w.must(t, 201, "POST", "/app/a/endpoint", `{"url":"https://example.com","ordered":true,"uid":"o"}`).body["ordered"])
		w.must(t, 204, "DELETE", "/app/a/endpoint/o", "")
		require.Equal(t, false, w.must(t, 200, "PATCH", one, `{"ordered":false}`).body["ordered"])
	})
	t.Run("keeps the order by one policy or the other", func(t *testing.T) {
		policy := func(method, path, body string) any {
			status := map[string]int{"PATCH": 200, "POST": 201}[method]
			return w.must(t, status, method, path, body).body["orderedPolicy"]
		}
		require.Equal(t, "skip", policy("PATCH", one, `{"orderedPolicy":"skip"}`))
		require.Equal(t, "skip", policy("PATCH", one, `{}`))
		require.Equal(t, "block", policy("PATCH", one, `{"orderedPolicy":"block"}`))
		require.Equal(t, "skip", policy("POST", "/app/a/endpoint", `{"url":"https://example.com","orderedPolicy":"skip","uid":"p"}`))
		w.must(t, 204, "DELETE", "/app/a/endpoint/p", "")
		require.Equal(t, "block", policy("POST", "/app/a/endpoint", `{"url":"https://example.com","orderedPolicy":null,"uid":"p"}`))
		w.must(t, 204, "DELETE", "/app/a/endpoint/p", "")
	})
	t.Run("has its own schedule and timeout, or the installation's", func(t *testing.T) {
		own := func(patch string) []any {
			a := w.must(t, 200, "PATCH", one, patch)
			return []any{a.body["retrySchedule"], a.body["timeoutMs"]}
		}
		require.Equal(t, []any{[]any{"5s", "1h30m"}, 2500.0}, own(`{}`))
		require.Equal(t, []any{[]any{}, 2500.0}, own(`{"retrySchedule":[]}`), "no retries")
		require.Equal(t, []any{[]any{"1m"}, 100.0}, own(`{"retrySchedule":["60s"],"timeoutMs":100}`))
		require.Equal(t, []any{nil, nil}, own(`{"retrySchedule":null,"timeoutMs":null}`))
	})
	t.Run("put replaces all but headers and keys, or creates", func(t *testing.T) {
		key := w.must(t, 200, "GET", one+"/secret", "").body["key"]
		a := w.must(t, 200, "PUT", one, `{"url":"https://other.example/x","uid":"one","secret":"whsec_ignored","headers":{"a":"b"}}`)
		require.Equal(t, []any{id, false, "", map[string]any{}, 1.0},
			[]any{a.body["id"], a.body["disabled"], a.body["description"], a.body["metadata"], a.body["version"]})
		require.Equal(t, key, w.must(t, 200, "GET", one+"/secret", "").body["key"])
		require.Equal(t, map[string]any{"X-Team": "blue"}, w.must(t, 200, "GET", one+"/headers", "").body["headers"])
		a = w.must(t, 201, "PUT", "/app/a/endpoint/two", `{"url":"https://other.example/"}`)
		require.NotEqual(t, id, a.id(t))
		require.Nil(t, a.body["uid"])
	})
	t.Run("list is newest first", func(t *testing.T) {
		a := w.must(t, 200, "GET", "/app/a/endpoint", "")
		require.Len(t, a.data(t, "id"), 2)
		require.Equal(t, id, a.data(t, "id")[1])
		require.Equal(t, []any{id}, w.must(t, 200, "GET", "/app/a/endpoint?order=ascending&limit=1", "").data(t, "id"))
	})
	t.Run("deleted is gone", func(t *testing.T) {
		w.must(t, 204, "DELETE", one, "")
		w.must(t, 404, "GET", one, "")
		w.must(t, 404, "DELETE", one, "")
		w.must(t, 201, "POST", "/app/a/endpoint", `{"url":"https://example.com","uid":"one"}`)
	})
}

// closed is the circuit of an endpoint that is well.
func closed() map[string]any {
	return map[string]any{"state": "closed", "since": nil, "nextProbeAt": nil}
}

// TestCircuit shows a breaker that deliver has opened, and closes it by hand.
func TestCircuit(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	path := "/app/a/endpoint/" + w.endpoint(t, app, `{"url":"https://example.com","uid":"one"}`)
	tenant, endpoint := parse(t, event.Tenant, app), parse(t, event.Endpoint, path[len("/app/a/endpoint/"):])
	look := func() any { return w.must(t, 200, "GET", path, "").body["circuit"] }
	since := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	open := func() {
		require.NoError(t, w.store.OpenBreaker(t.Context(), tenant, endpoint, since, time.Now().Add(time.Hour)))
	}
	probe := func(next string) {
		at, err := time.Parse(time.RFC3339, next)
		require.NoError(t, err)
		require.NoError(t, w.store.BreakerProbeFailed(t.Context(), endpoint, at, 1))
	}
	state := func(state, next string) map[string]any {
		return map[string]any{"state": state, "since": "2026-11-20T10:00:00Z", "nextProbeAt": next}
	}

	open()
	probe("2999-01-01T00:00:00Z")
	require.Equal(t, state("open", "2999-01-01T00:00:00Z"), look())
	require.Equal(t, state("open", "2999-01-01T00:00:00Z"), w.must(t, 200, "PATCH", path, `{"description":"d","circuit":{"state":"closed"}}`).body["circuit"], "who changes it can only read that")
	probe("2026-11-20T10:00:05Z")
	require.Equal(t, state("half_open", "2026-11-20T10:00:05Z"), look(), "a probe is due")
	for range 2 { // again, it changes nothing
		require.Equal(t, closed(), w.must(t, 200, "POST", path+"/circuit/reset", "").body["circuit"])
		require.Equal(t, closed(), look())
	}
	open()
	require.Equal(t, closed(), w.must(t, 200, "PATCH", path, `{"url":"https://example.com/new"}`).body["circuit"], "another receiver")
}

func TestSecret(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	const (
		symmetric = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		private   = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
		public    = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	)
	path := "/app/" + app + "/endpoint/" + w.endpoint(t, app, `{"url":"https://example.com","secret":"`+symmetric+`"}`)
	require.Equal(t, map[string]any{"key": symmetric}, w.must(t, 200, "GET", path+"/secret", "").body)

	w.must(t, 204, "POST", path+"/secret/rotate", `{"key":"`+private+`"}`)
	require.Equal(t, public, w.must(t, 200, "GET", path+"/secret", "").body["key"], "the private half stays with us")

	w.must(t, 204, "POST", path+"/secret/rotate", ``)
	made := w.must(t, 200, "GET", path+"/secret", "").body["key"].(string)
	require.True(t, strings.HasPrefix(made, "whsec_"))
	require.Equal(t, []string{made, private, symmetric}, w.keys(t, app))

	w.must(t, 204, "POST", path+"/secret/rotate", `{"gracePeriodSeconds":0}`)
	require.Len(t, w.keys(t, app), 3, "the one without grace is gone, the new one there")
	require.NotContains(t, w.keys(t, app), made)

	for range 8 {
		w.must(t, 204, "POST", path+"/secret/rotate", `{}`)
	}
	w.send(t, "POST", path+"/secret/rotate", `{}`).requireCode(t, 400, "limit_reached")
	require.Len(t, w.keys(t, app), 11)

	w.must(t, 200, "PATCH", path, `{"secret":"`+symmetric+`"}`)
	require.Equal(t, symmetric, w.must(t, 200, "GET", path+"/secret", "").body["key"])
	require.Len(t, w.keys(t, app), 11, "in place of the current one, at once")
	w.must(t, 200, "PATCH", path, `{"secret":null,"description":"d"}`)
	w.send(t, "PATCH", path, `{"secret":"whsec_!","description":"e"}`).requireInvalid(t, "body.secret")
	w.send(t, "PATCH", path, `{"secret":"`+private+`","eventTypes":["missing"]}`).requireInvalid(t, "body.eventTypes")
	require.Equal(t, symmetric, w.must(t, 200, "GET", path+"/secret", "").body["key"])
	require.Equal(t, "d", w.must(t, 200, "GET", path, "").body["description"])
}

// keys are those that sign for the one endpoint of an application.
func (w *world) keys(t *testing.T, app string) []string {
	t.Helper()
	snap, err := w.store.Snapshot(t.Context(), parse(t, event.Tenant, app))
	require.NoError(t, err)
	require.Len(t, snap.Targets, 1)
	var keys []string
	opened, err := snap.Targets[0].Sealed.Open()
	require.NoError(t, err)
	for _, key := range opened.Keys {
		keys = append(keys, key.Reveal())
	}
	return keys
}

func TestHeaders(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	path := "/app/" + app + "/endpoint/" + w.endpoint(t, app, `{"url":"https://example.com"}`) + "/headers"
	get := func() string { return w.must(t, 200, "GET", path, "").text }
	require.JSONEq(t, `{"headers":{},"sensitive":[]}`, get())
	w.must(t, 204, "PUT", path, `{"headers":{"X-Team":"blue","X-API-Key":"k","Authorization":"Bearer x"}}`)
	require.JSONEq(t, `{"headers":{"X-Team":"blue"},"sensitive":["Authorization","X-API-Key"]}`, get())
	w.must(t, 204, "PATCH", path, `{"headers":{"x-team":"red","X-New":"n","authorization":null}}`)
	require.JSONEq(t, `{"headers":{"x-team":"red","X-New":"n"},"sensitive":["X-API-Key"]}`, get())
	w.must(t, 204, "PATCH", path, `{"headers":null,"deleteHeaders":["x-new","X-Api-Key","X-Nothing"]}`)
	require.JSONEq(t, `{"headers":{"x-team":"red"},"sensitive":[]}`, get())
	w.must(t, 204, "PUT", path, `{"headers":{}}`)
	require.JSONEq(t, `{"headers":{},"sensitive":[]}`, get())
	w.send(t, "PUT", path, `{}`).requireInvalid(t, "body.headers")
	w.send(t, "PATCH", path, `{}`).requireInvalid(t, "body.headers")

	t.Run("a patch may not make them too many or too long", func(t *testing.T) {
		w.must(t, 204, "PUT", path, `{"headers":`+manyHeaders(4, 4000)+`}`)
		w.send(t, "PATCH", path, `{"headers":{"Y":"`+strings.Repeat("y", 4000)+`"}}`).requireInvalid(t, "body.headers")
		w.must(t, 204, "PUT", path, `{"headers":`+manyHeaders(64, 1)+`}`)
		w.send(t, "PATCH", path, `{"headers":{"Y":"y"}}`).requireInvalid(t, "body.headers")
	})
	t.Run("what looks like a credential is not shown", func(t *testing.T) {
		for _, name := range []string{
			"authorization", "Authorization", "X-Auth-Token", "x-api-key", "WWW-Authenticate", "Cookie", "X-Secret", "Ocp-Apim-Subscription-Key",
			"X-AccessToken", "X-Auth", "Api_Key", "ApiKey", "X-Password", "Session", "X-Jwt",
		} {
			w.must(t, 204, "PUT", path, `{"headers":{"`+name+`":"canary","X-Author":"me","X-Monkey":"ape"}}`)
			require.JSONEq(t, `{"headers":{"X-Author":"me","X-Monkey":"ape"},"sensitive":["`+name+`"]}`, get())
		}
	})
}

// TestEndpointPages walks through the list of endpoints, newest first unless it is
// asked for otherwise, and back.
func TestEndpointPages(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	var newest []any
	for range 5 {
		newest = append([]any{w.endpoint(t, app, `{"url":"https://example.com"}`)}, newest...)
	}
	oldest := slices.Clone(newest)
	slices.Reverse(oldest)
	for order, want := range map[string][]any{"": newest, "&order=descending": newest, "&order=ascending": oldest} {
		path := "/app/" + app + "/endpoint?limit=2" + order
		forth, last := w.walk(t, path, "iterator")
		require.Equal(t, want, forth, order)
		require.Equal(t, want[4:], last.data(t, "id"))
		back := w.must(t, 200, "GET", path+"&iterator="+last.body["prevIterator"].(string), "")
		require.Equal(t, want[2:4], back.data(t, "id"), "the page before, in the same order")
		require.Equal(t, false, back.body["done"])
		first := w.must(t, 200, "GET", path+"&iterator="+back.body["prevIterator"].(string), "")
		require.Equal(t, want[:2], first.data(t, "id"))
		require.Equal(t, true, first.body["done"])
	}
}

// TestUserinfoIsWriteOnly sees that what is before the @ of a URL is not shown, is kept
// while what is shown comes back, and goes to no other host.
func TestUserinfoIsWriteOnly(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	all := "/app/" + app + "/endpoint"
	made := w.must(t, 201, "POST", all, `{"url":"https://user:hush-4711@example.com:8443/a@b?c=d@e","uid":"one"}`)
	require.Equal(t, "https://xxxxx@example.com:8443/a@b?c=d@e", made.body["url"])
	require.NotContains(t, made.text, "hush")
	one := all + "/one"
	kept := func() string {
		e, err := w.store.Endpoint(t.Context(), parse(t, event.Tenant, app), store.Ref{UID: "one"})
		require.NoError(t, err)
		return e.Userinfo.Reveal()
	}
	require.NotContains(t, w.must(t, 200, "GET", all, "").text, "hush")
	for _, body := range []string{
		`{"url":"https://xxxxx@example.com:8443/other","uid":"one"}`,
		`{"url":"HTTPS://xxxxx@EXAMPLE.com:8443","uid":"one"}`,
	} {
		require.Contains(t, w.must(t, 200, "PUT", one, body).body["url"], "https://xxxxx@example.com:8443/")
		require.Equal(t, "user:hush-4711", kept())
		w.must(t, 200, "PATCH", one, body)
		w.must(t, 200, "PATCH", one, `{"description":"d"}`)
		require.Equal(t, "user:hush-4711", kept())
	}
	for _, url := range []string{"https://xxxxx@evil.example/", "https://xxxxx@example.com/", "http://xxxxx@example.com:8443/"} {
		w.send(t, "PATCH", one, `{"url":"`+url+`"}`).requireInvalid(t, "body.url")
		w.send(t, "PUT", one, `{"url":"`+url+`"}`).requireInvalid(t, "body.url")
		w.send(t, "POST", all, `{"url":"`+url+`"}`).requireInvalid(t, "body.url")
	}
	require.Equal(t, "user:hush-4711", kept())
	require.Equal(t, "https://example.com:8443/", w.must(t, 200, "PATCH", one, `{"url":"https://example.com:8443/"}`).body["url"])
	require.Empty(t, kept())
	w.send(t, "PATCH", one, `{"url":"https://xxxxx@example.com:8443/"}`).requireInvalid(t, "body.url")
}
