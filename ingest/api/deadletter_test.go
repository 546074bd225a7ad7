package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// graves is an application with two endpoints, at which messages are dead.
type graves struct {
	*world

	one, two string
	messages []string
}

// bury makes four messages of the types a, b, a, b. All but the last are dead at
// one, of which the first was never tried there, and the second also at two.
func bury(t *testing.T) *graves {
	t.Helper()
	g := &graves{world: start(t)}
	app := g.app(t, `{"name":"a","uid":"a"}`)
	g.one, g.two = g.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`), g.endpoint(t, app, `{"url":"https://two.example/","uid":"two"}`)
	for _, name := range []string{"a", "b", "a", "b"} {
		g.messages = append(g.messages, g.message(t, app, `{"eventType":"`+name+`","payload":{},"eventId":"order-`+string(rune('0'+len(g.messages)))+`"}`))
	}
	letter := func(n int, endpoint, reason string, attempts int) store.DeadLetter {
		return store.DeadLetter{
			Tenant: parse(t, event.Tenant, app), Endpoint: parse(t, event.Endpoint, endpoint), Event: parse(t, event.Message, g.messages[n]),
			Type: []string{"a", "b"}[n%2], Reason: reason, Attempts: attempts,
		}
	}
	require.NoError(t, g.store.RecordDeadLetters(t.Context(), []store.DeadLetter{
		letter(0, g.one, "endpoint_disabled", 0), letter(1, g.one, "timeout", 8), letter(2, g.one, "timeout", 8), letter(1, g.two, "rejected", 3),
	}))
	return g
}

func TestListDeadLetters(t *testing.T) {
	t.Parallel()
	g := bury(t)
	a := g.must(t, 200, "GET", "/app/a/endpoint/one/dlq?limit=1", "")
	first := a.body["data"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{
		"msgId": g.messages[2], "endpointId": g.one, "eventType": "a", "reason": "timeout", "attempts": 8.0, "diedAt": first["diedAt"],
	}, first)
	died, err := time.Parse(time.RFC3339, first["diedAt"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), died, time.Minute)
	key := func(n int, endpoint string) string { return g.messages[n] + "." + endpoint }
	require.Equal(t, []any{key(2, g.one), "-" + key(2, g.one), false}, []any{a.body["iterator"], a.body["prevIterator"], a.body["done"]})

	at := func(name string, n int) string {
		return name + "=" + url.QueryEscape(parse(t, event.Message, g.messages[n]).Time().Format(time.RFC3339Nano))
	}
	of := func(path, query string, messages ...int) {
		t.Helper()
		want := []any{}
		for _, n := range messages {
			want = append(want, g.messages[n])
		}
		require.Equal(t, want, g.must(t, 200, "GET", "/app/a"+path+"/dlq?"+query, "").data(t, "msgId"), "%s %s", path, query)
	}
	of("/endpoint/one", "", 2, 1, 0)
	of("/endpoint/two", "", 1)
	of("", "", 2, 1, 1, 0)
	of("", "order=ascending", 0, 1, 1, 2)
	of("", "endpoint_id=one", 2, 1, 0)
	of("", "endpoint_id="+g.two, 1)
	of("", "reason=timeout", 2, 1)
	of("", "event_types=b", 1, 1)
	of("/endpoint/one", "event_types=a,b&reason=endpoint_disabled", 0)
	of("", at("after", 1), 2, 1, 1)
	of("", "limit=1&"+at("after", 1), 1)
	of("", at("before", 1), 0)
	of("", "limit=2&iterator="+key(1, g.two), 1, 0)
	of("", "limit=2&iterator=-"+key(1, g.one), 2, 1)
	of("", "limit=1&iterator="+key(2, g.one), 1)
	for _, bad := range []string{"iterator=" + g.messages[0], "iterator=x", "limit=0", "reason=a%20b"} {
		require.Equal(t, 422, g.send(t, "GET", "/app/a/dlq?"+bad, "").status, bad)
	}
	for _, path := range []string{"/app/b/dlq", "/app/a/endpoint/three/dlq", "/app/a/dlq?endpoint_id=three", "/app/b/endpoint/one/dlq/count"} {
		g.send(t, "GET", path, "").requireCode(t, 404, "not_found")
	}
}

func TestCountDeadLetters(t *testing.T) {
	t.Parallel()
	g := bury(t)
	for path, want := range map[string]map[string]any{
		"/app/a/dlq/count":                           {"total": 4.0, "byReason": map[string]any{"endpoint_disabled": 1.0, "timeout": 2.0, "rejected": 1.0}, "more": false},
		"/app/a/endpoint/two/dlq/count":              {"total": 1.0, "byReason": map[string]any{"rejected": 1.0}, "more": false},
		"/app/a/dlq/count?event_types=b&reason=none": {"total": 0.0, "byReason": map[string]any{}, "more": false},
	} {
		require.Equal(t, want, g.must(t, 200, "GET", path, "").body, path)
	}
}

func TestOneDeadLetter(t *testing.T) {
	t.Parallel()
	g := bury(t)
	a := g.must(t, 200, "GET", "/app/a/endpoint/two/dlq/order-1", "")
	require.Equal(t, []any{g.messages[1], g.two, "rejected", 3.0}, []any{a.body["msgId"], a.body["endpointId"], a.body["reason"], a.body["attempts"]})
	for _, method := range []string{"GET", "DELETE"} {
		g.send(t, method, "/app/a/endpoint/two/dlq/order-0", "").requireCode(t, 404, "not_found")
		g.send(t, method, "/app/a/endpoint/one/dlq/order-3", "").requireCode(t, 404, "not_found")
	}
	require.Empty(t, g.must(t, 204, "DELETE", "/app/a/endpoint/two/dlq/order-1", "").text)
	g.send(t, "GET", "/app/a/endpoint/two/dlq/order-1", "").requireCode(t, 404, "not_found")
	g.must(t, 200, "GET", "/app/a/endpoint/one/dlq/order-1", "")
}

// TestDeadLettersOfAll lists, counts and redrives those of two applications, and of an
// operational webhook.
func TestDeadLettersOfAll(t *testing.T) {
	t.Parallel()
	g := bury(t)
	app := g.must(t, 200, "GET", "/app/a", "").id(t)
	other := g.app(t, `{"name":"b","uid":"b"}`)
	endpoint := g.endpoint(t, other, `{"url":"https://three.example/"}`)
	message := g.message(t, other, `{"eventType":"a","payload":{}}`)
	system := store.DeadLetter{Tenant: store.SystemTenant, Endpoint: event.NewID(), Event: event.NewID(), Type: "endpoint.disabled", Reason: "dns", Attempts: 8}
	require.NoError(t, g.store.RecordDeadLetters(t.Context(), []store.DeadLetter{system, {
		Tenant: parse(t, event.Tenant, other), Endpoint: parse(t, event.Endpoint, endpoint), Event: parse(t, event.Message, message),
		Type: "a", Reason: "timeout", Attempts: 1,
	}}))

	a := g.must(t, 200, "GET", "/admin/dlq", "")
	require.Equal(t, []any{nil, other, app, app, app, app}, a.data(t, "appId"), "newest message first")
	first := a.body["data"].([]any)[1].(map[string]any)
	require.Equal(t, map[string]any{
		"appId": other, "msgId": message, "endpointId": endpoint, "eventType": "a", "reason": "timeout", "attempts": 1.0, "diedAt": first["diedAt"],
	}, first)
	next := "limit=2&iterator=" + message + "." + endpoint
	for query, want := range map[string][]any{
		"reason=timeout":                     {message, g.messages[2], g.messages[1]},
		"reason=timeout&limit=1":             {message},
		"app_id=b":                           {message},
		"app_id=" + app + "&endpoint_id=two": {g.messages[1]},
		"event_types=b":                      {g.messages[1], g.messages[1]},
		next:                                 {g.messages[2], g.messages[1]},
	} {
		require.Equal(t, want, g.must(t, 200, "GET", "/admin/dlq?"+query, "").data(t, "msgId"), query)
	}
	require.Equal(t, map[string]any{
		"total": 6.0, "more": false, "byReason": map[string]any{"endpoint_disabled": 1.0, "timeout": 3.0, "rejected": 1.0, "dns": 1.0},
		"byApplication": []any{map[string]any{"appId": app, "total": 4.0}, map[string]any{"appId": nil, "total": 1.0}, map[string]any{"appId": other, "total": 1.0}},
	}, g.must(t, 200, "GET", "/admin/dlq/count", "").body)
	a = g.must(t, 200, "GET", "/admin/dlq/count?reason=timeout&limit=1", "")
	require.Equal(t, []any{3.0, []any{map[string]any{"appId": app, "total": 2.0}}}, []any{a.body["total"], a.body["byApplication"]})
	for _, path := range []string{"/admin/dlq", "/admin/dlq/count"} {
		g.exchange(t, "GET", path+"?endpoint_id=two", "").requireInvalid(t, "query.endpoint_id")
		g.send(t, "GET", path+"?app_id=none", "").requireCode(t, 404, "not_found")
	}

	a = g.must(t, 202, "POST", "/admin/dlq/redrive", `{"reason":"timeout"}`)
	require.Equal(t, store.Selection{Reason: "timeout"}, g.board.last(t).Selection)
	require.True(t, g.board.last(t).Tenant.IsZero())
	require.Equal(t, "dlq.redrive", g.must(t, 200, "GET", "/background-task/"+a.id(t), "").body["task"])
	g.must(t, 202, "POST", "/admin/dlq/redrive", `{"appId":"a","endpointId":"two"}`)
	require.Equal(t, []event.ID{parse(t, event.Tenant, app), parse(t, event.Endpoint, g.two)}, []event.ID{g.board.last(t).Tenant, g.board.last(t).Endpoint})
	g.must(t, 202, "POST", "/admin/dlq/redrive", `{"all":true}`)
	g.exchange(t, "POST", "/admin/dlq/redrive", `{}`).requireInvalid(t, "body.all")
	g.exchange(t, "POST", "/admin/dlq/redrive", `{"endpointId":"two"}`).requireInvalid(t, "body.endpointId")
	g.send(t, "POST", "/admin/dlq/redrive", `{"appId":"none"}`).requireCode(t, 404, "not_found")
}

// TestPurge does what the API has asked for, as dlq would.
func TestPurge(t *testing.T) {
	t.Parallel()
	g := bury(t)
	do := func(path, body string, done, purged float64) {
		t.Helper()
		id := g.must(t, 202, "POST", path+"/dlq/purge", body).id(t)
		ended, err := g.store.AdvanceTask(t.Context(), parse(t, event.Task, id), 10, nil)
		require.NoError(t, err)
		require.True(t, ended)
		a := g.must(t, 200, "GET", "/background-task/"+id, "")
		require.Equal(t, []any{"dlq.purge", map[string]any{"done": done, "total": done, "deadLettersPurged": purged}}, []any{a.body["task"], a.body["data"]})
	}
	do("/app/a/endpoint/one", `{"reason":"rejected"}`, 3, 0)
	do("/app/a", `{"endpointId":"one","eventTypes":["b"]}`, 3, 1)
	require.Equal(t, []any{g.messages[2], g.messages[1], g.messages[0]}, g.must(t, 200, "GET", "/app/a/dlq", "").data(t, "msgId"))
	do("/app/a", `{"all":true}`, 3, 3)
	require.Empty(t, g.must(t, 200, "GET", "/app/a/dlq", "").data(t, "msgId"))
}

func TestRedriveEverything(t *testing.T) {
	t.Parallel()
	g := bury(t)
	require.Empty(t, g.must(t, 204, "POST", "/admin/redrive-dlq", "").text)
	task := g.board.last(t)
	require.Equal(t, []any{store.TaskRedrive, event.ID{}, int64(4)}, []any{task.Kind, task.Tenant, task.Total})
}

func TestExpungeMany(t *testing.T) {
	t.Parallel()
	g := bury(t)
	stranger := g.message(t, g.app(t, `{"name":"b"}`), `{"eventType":"a","payload":{"n":1}}`)
	a := g.must(t, 200, "POST", "/app/a/msg/bulk-expunge", `{"ids":["order-0","`+g.messages[1]+`","order-9","`+stranger+`","a b"]}`)
	require.Equal(t, map[string]any{"results": map[string]any{
		"order-0": "expunged", g.messages[1]: "expunged", "order-9": "not-found", stranger: "not-found", "a b": "not-found",
	}}, a.body)
	expired := map[string]any{"expired": true}
	require.Equal(t, []any{map[string]any{}, map[string]any{}, expired, expired}, g.must(t, 200, "GET", "/app/a/msg", "").data(t, "payload"))
	require.Equal(t, map[string]any{"results": map[string]any{}}, g.must(t, 200, "POST", "/app/a/msg/bulk-expunge", `{}`).body)
	g.send(t, "POST", "/app/a/msg/bulk-expunge", `{"ids":"order-0"}`).requireInvalid(t, "body.ids")
	g.send(t, "POST", "/app/c/msg/bulk-expunge", `{"ids":[]}`).requireCode(t, 404, "not_found")

	id := g.must(t, 202, "POST", "/app/a/msg/expunge-all-contents", "").id(t)
	ended, err := g.store.AdvanceTask(t.Context(), parse(t, event.Task, id), 10, nil)
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, []any{expired, expired, expired, expired}, g.must(t, 200, "GET", "/app/a/msg", "").data(t, "payload"))
	task := g.must(t, 200, "GET", "/background-task/"+id, "")
	require.Equal(t, []any{"application.purge_content", map[string]any{"done": 4.0, "total": 4.0, "messagesPurged": 2.0}}, []any{task.body["task"], task.body["data"]})
	g.send(t, "GET", "/app/a/msg/bulk-expunge", "").requireCode(t, 404, "not_found")
	g.send(t, "PUT", "/app/a/msg/bulk-expunge", "").requireCode(t, 405, "method_not_allowed")
}
