package api_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// try records an attempt; when it says "again" another is planned.
func (w *world) try(t *testing.T, app, message, endpoint, outcome string, again ...string) string {
	t.Helper()
	a := store.Attempt{
		ID: event.NewID(), Tenant: parse(t, event.Tenant, app), Event: parse(t, event.Message, message), Endpoint: parse(t, event.Endpoint, endpoint),
		Number: 1, Outcome: outcome, URL: "https://one.example/", Response: []byte("secret answer"),
		Headers: &store.AttemptHeaders{Sent: map[string]string{"Webhook-Id": message}, Answered: []store.Header{{"X-Answer", "secret"}}},
	}
	if len(again) > 0 {
		a.NextAt = time.Date(2999, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{a}))
	return event.Attempt.Format(a.ID)
}

func TestAttemptedMessages(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	one, two := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`), w.endpoint(t, app, `{"url":"https://two.example/"}`)
	var ids []string
	for _, body := range []string{
		`{"eventType":"paid","payload":{"n":0},"channels":["eu"],"tags":["vip"],"eventId":"order-1"}`,
		`{"eventType":"lost","payload":{}}`, `{"eventType":"paid","payload":{}}`, `{"eventType":"paid","payload":{}}`,
	} {
		ids = append(ids, w.message(t, app, body))
	}
	w.try(t, app, ids[2], one, "timeout", "again")
	w.try(t, app, ids[0], one, "timeout", "again")
	w.try(t, app, ids[0], one, "success")
	w.try(t, app, ids[1], one, "rejected")
	w.try(t, app, ids[3], two, "success")

	list := "/app/a/endpoint/one/msg?"
	first := w.must(t, 200, "GET", list+"channel=eu", "").body["data"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{
		"id": ids[0], "eventType": "paid", "eventId": "order-1", "channels": []any{"eu"}, "tags": []any{"vip"}, "payload": map[string]any{"n": 0.0},
		"timestamp": first["timestamp"], "status": 0.0, "statusText": "success", "nextAttempt": nil,
	}, first)
	a := w.must(t, 200, "GET", list, "")
	require.Equal(t, []any{"sending", "fail", "success"}, a.data(t, "statusText"))
	require.Equal(t, []any{3.0, 2.0, 0.0}, a.data(t, "status"))
	require.Equal(t, []any{"2999-01-02T03:04:05Z", nil, nil}, a.data(t, "nextAttempt"))
	require.Equal(t, []any{ids[0], "-" + ids[2], true}, []any{a.body["iterator"], a.body["prevIterator"], a.body["done"]})

	at := func(name string, n int) string {
		return name + "=" + url.QueryEscape(parse(t, event.Message, ids[n]).Time().Format(time.RFC3339Nano))
	}
	for _, test := range []struct {
		query string
		want  []int
	}{
		{"", []int{2, 1, 0}},
		{"limit=2", []int{2, 1}},
		{"limit=2&iterator=" + ids[1], []int{0}},
		{"limit=1&iterator=-" + ids[0], []int{1}},
		{"status=0", []int{0}},
		{"status=1", []int{}},
		{"status=2", []int{1}},
		{"status=3", []int{2}},
		{"status=4", []int{}},
		{"event_types=paid", []int{2, 0}},
		{"event_types=paid,lost&status=2", []int{1}},
		{"channel=us", []int{}},
		{"tag=vip", []int{0}},
		{"tag=eu", []int{}},
		{at("after", 1), []int{2, 1}},
		{"limit=1&" + at("after", 1), []int{1}},
		{at("before", 1), []int{0}},
	} {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			want := []any{}
			for _, n := range test.want {
				want = append(want, ids[n])
			}
			require.Equal(t, want, w.must(t, 200, "GET", list+test.query, "").data(t, "id"))
		})
	}
	require.Equal(t, []any{map[string]any{}}, w.must(t, 200, "GET", list+"status=0&with_content=false", "").data(t, "payload"))
	other := w.app(t, `{"name":"b"}`)
	w.send(t, "GET", "/app/"+other+"/endpoint/"+one+"/msg", "").requireCode(t, 404, "not_found")
}

func TestAttemptedDestinations(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	one := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one","metadata":{"a":"b"},"channels":["eu"]}`)
	two := w.endpoint(t, app, `{"url":"https://two.example/"}`)
	w.endpoint(t, app, `{"url":"https://three.example/"}`)
	message := w.message(t, app, `{"eventType":"paid","payload":{},"eventId":"order-1"}`)
	w.try(t, app, message, two, "timeout", "again")
	w.try(t, app, message, one, "timeout", "again")
	w.try(t, app, message, one, "success")
	w.must(t, 204, "DELETE", "/app/a/endpoint/"+two, "")

	a := w.must(t, 200, "GET", "/app/a/msg/order-1/endpoint", "")
	require.Equal(t, []any{one, two}, a.data(t, "id"), "oldest first, also the deleted one")
	require.Equal(t, []any{"success", "sending"}, a.data(t, "statusText"))
	require.Equal(t, []any{nil, "2999-01-02T03:04:05Z"}, a.data(t, "nextAttempt"))
	first := a.body["data"].([]any)[0].(map[string]any)
	require.NotContains(t, first, "metadata")
	require.Equal(t, []any{"one", "https://one.example/", []any{"eu"}}, []any{first["uid"], first["url"], first["channels"]})

	a = w.must(t, 200, "GET", "/app/a/msg/order-1/endpoint?limit=1", "")
	require.Equal(t, []any{one}, a.data(t, "id"))
	require.Equal(t, false, a.body["done"])
	require.Equal(t, []any{two}, w.must(t, 200, "GET", "/app/a/msg/order-1/endpoint?iterator="+one, "").data(t, "id"))
	require.Equal(t, []any{one}, w.must(t, 200, "GET", "/app/a/msg/order-1/endpoint?iterator=-"+two, "").data(t, "id"))
	w.send(t, "GET", "/app/a/msg/order-2/endpoint", "").requireCode(t, 404, "not_found")
	w.send(t, "GET", "/app/"+w.app(t, `{"name":"b"}`)+"/msg/"+message+"/endpoint", "").requireCode(t, 404, "not_found")
}

func TestStats(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	for _, outcomes := range [][]string{{"timeout", "success"}, {"success"}, {"gone"}, {"rejected", "timeout"}} {
		message := w.message(t, app, `{"eventType":"paid","payload":{}}`)
		for _, outcome := range outcomes {
			if outcome == "timeout" {
				w.try(t, app, message, endpoint, outcome, "again")
			} else {
				w.try(t, app, message, endpoint, outcome)
			}
		}
	}
	now := time.Now()
	at := func(ago time.Duration) string { return url.QueryEscape(now.Add(-ago).Format(time.RFC3339Nano)) }
	const days = 24 * time.Hour
	all := map[string]any{"success": 2.0, "pending": 0.0, "sending": 1.0, "fail": 1.0, "canceled": 0.0}
	none := map[string]any{"success": 0.0, "pending": 0.0, "sending": 0.0, "fail": 0.0, "canceled": 0.0}
	for query, want := range map[string]map[string]any{
		"": all, "?since=" + at(time.Hour): all, "?since=" + at(28*days): all, "?until=" + at(-time.Minute): all,
		"?until=" + at(time.Hour): none, "?since=" + at(40*days) + "&until=" + at(20*days): none, "?since=" + at(0) + "&until=" + at(0): none,
		"?until=1900-01-01T00:00:00Z": none, "?until=0000-01-01T00:00:00Z": none,
		"?since=" + at(29*days): nil, "?until=" + at(-time.Hour): nil, "?since=" + at(1*days) + "&until=" + at(2*days): nil,
		"?since=0000-01-01T00:00:00Z": nil, "?until=9999-12-31T23:59:59Z": nil, "?since=9999-12-31T23:59:59Z": nil,
	} {
		a := w.send(t, "GET", "/app/a/endpoint/one/stats"+query, "")
		if want == nil {
			a.requireCode(t, 400, "invalid_range")
			continue
		}
		require.Equal(t, 200, a.status, query)
		require.Equal(t, want, a.body, query)
	}
	w.send(t, "GET", "/app/a/endpoint/one/stats?since=yesterday", "").requireCode(t, 400, "bad_request")
	w.send(t, "GET", "/app/a/endpoint/two/stats", "").requireCode(t, 404, "not_found")
}

func TestExpunge(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	message := w.message(t, app, `{"eventType":"paid","payload":{"card":"4111"},"eventId":"order-1"}`)
	kept := w.message(t, app, `{"eventType":"paid","payload":{"n":1}}`)
	attempt, other := w.try(t, app, message, endpoint, "timeout"), w.try(t, app, message, endpoint, "success")
	letter := store.DeadLetter{
		Tenant: parse(t, event.Tenant, app), Endpoint: parse(t, event.Endpoint, endpoint), Event: parse(t, event.Message, message), Reason: "timeout", Attempts: 1,
	}
	require.NoError(t, w.store.RecordDeadLetters(t.Context(), []store.DeadLetter{letter}))
	stranger := w.app(t, `{"name":"b"}`)
	for _, path := range []string{
		"/app/" + stranger + "/msg/" + message, "/app/a/msg/order-2", "/app/" + stranger + "/msg/" + message + "/attempt/" + attempt,
		"/app/a/msg/" + kept + "/attempt/" + attempt, "/app/a/msg/order-1/attempt/x",
	} {
		w.send(t, "DELETE", path+"/content", "").requireCode(t, 404, "not_found")
	}
	for range 2 {
		require.Empty(t, w.must(t, 204, "DELETE", "/app/a/msg/order-1/content", "").text)
		require.Empty(t, w.must(t, 204, "DELETE", "/app/a/msg/order-1/attempt/"+attempt+"/content", "").text)
	}

	expired := map[string]any{"expired": true}
	require.Equal(t, expired, w.must(t, 200, "GET", "/app/a/msg/order-1", "").body["payload"])
	require.Equal(t, map[string]any{}, w.must(t, 200, "GET", "/app/a/msg/order-1?with_content=false", "").body["payload"])
	require.Equal(t, []any{map[string]any{"n": 1.0}, expired}, w.must(t, 200, "GET", "/app/a/msg", "").data(t, "payload"))
	require.Equal(t, []any{expired}, w.must(t, 200, "GET", "/app/a/endpoint/one/msg", "").data(t, "payload"))
	require.Equal(t, "EXPUNGED", w.must(t, 200, "GET", "/app/a/msg/order-1/attempt/"+attempt, "").body["response"])
	require.Equal(t, map[string]any{"sensitive": []any{}, "sentHeaders": map[string]any{}, "responseHeaders": nil, "truncated": false},
		w.must(t, 200, "GET", "/app/a/msg/order-1/attempt/"+attempt+"/headers", "").body)
	require.Equal(t, []any{[]any{"X-Answer", "secret"}}, w.must(t, 200, "GET", "/app/a/msg/order-1/attempt/"+other+"/headers", "").body["responseHeaders"])
	require.Equal(t, []any{"secret answer", "EXPUNGED"}, w.must(t, 200, "GET", "/app/a/attempt/msg/"+message, "").data(t, "response"))
	require.Equal(t, "secret answer", w.must(t, 200, "GET", "/app/a/msg/order-1/attempt/"+other, "").body["response"])

	w.send(t, "POST", "/app/a/msg/order-1/endpoint/one/resend", "").requireCode(t, 400, "missing_payload")
	w.send(t, "POST", "/app/a/endpoint/one/dlq/order-1/redrive", "").requireCode(t, 400, "missing_payload")
	w.must(t, 202, "POST", "/app/a/msg/"+kept+"/endpoint/one/resend", "")
}

func TestPrecheck(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"paid","description":"d"}`)
	ask := func(body string) any {
		return w.must(t, 200, "POST", "/app/a/msg/precheck/active", body).body["active"]
	}
	require.Equal(t, false, ask(`{"eventType":"paid"}`))
	w.must(t, 201, "POST", "/app/a/endpoint", `{"url":"https://one.example/","uid":"one","eventTypes":["paid"],"channels":["eu"]}`)
	require.Equal(t, true, ask(`{"eventType":"paid","channels":["us","eu"]}`))
	require.Equal(t, false, ask(`{"eventType":"paid","channels":["us"]}`))
	require.Equal(t, false, ask(`{"eventType":"paid","channels":null}`))
	require.Equal(t, false, ask(`{"eventType":"lost","channels":["eu"]}`))
	w.must(t, 200, "PATCH", "/app/a/endpoint/one", `{"disabled":true}`)
	require.Equal(t, false, ask(`{"eventType":"paid","channels":["eu"]}`))
	w.send(t, "POST", "/app/b/msg/precheck/active", `{"eventType":"paid"}`).requireCode(t, 404, "not_found")
	require.Empty(t, w.must(t, 200, "GET", "/app/a/msg", "").data(t, "id"), "nothing was posted")
}

func TestTasks(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	message := w.message(t, app, `{"eventType":"paid","payload":{}}`)
	require.Empty(t, w.must(t, 200, "GET", "/background-task", "").body["data"])
	var ids []string
	for range 3 {
		ids = append(ids, w.must(t, 202, "POST", "/app/a/endpoint/one/recover", `{"since":"2999-01-01T00:00:00Z"}`).id(t))
	}
	redrive := w.must(t, 202, "POST", "/app/a/endpoint/one/dlq/redrive", "").id(t)
	w.must(t, 202, "POST", "/app/a/msg/"+message+"/endpoint/one/resend", "")
	_, err := w.store.AdvanceTask(t.Context(), parse(t, event.Task, ids[0]), 10, func(context.Context, []store.Selected) error { return nil })
	require.NoError(t, err)

	a := w.must(t, 200, "GET", "/background-task?limit=1&order=ascending", "")
	item := a.body["data"].([]any)[0].(map[string]any)
	require.Equal(t, w.must(t, 200, "GET", "/background-task/"+ids[0], "").body, item)
	require.Equal(t, []any{"finished", "endpoint.recover", map[string]any{"messagesSent": 0.0, "done": 0.0, "total": 0.0}}, []any{item["status"], item["task"], item["data"]})
	require.Equal(t, []any{ids[0], "-" + ids[0], false}, []any{a.body["iterator"], a.body["prevIterator"], a.body["done"]})
	for query, want := range map[string][]any{
		"":                               {ids[2], ids[1], ids[0]},
		"?order=ascending&limit=2":       {ids[0], ids[1]},
		"?limit=2&iterator=" + ids[2]:    {ids[1], ids[0]},
		"?limit=1&iterator=-" + ids[0]:   {ids[1]},
		"?status=running":                {ids[2], ids[1]},
		"?status=finished":               {ids[0]},
		"?status=failed":                 {},
		"?task=endpoint.recover&limit=1": {ids[2]},
		"?task=dlq.redrive":              {redrive},
		"?task=application.stats":        {},
	} {
		require.Equal(t, want, w.must(t, 200, "GET", "/background-task"+query, "").data(t, "id"), query)
	}
	w.send(t, "GET", "/background-task?status=lost", "").requireCode(t, 400, "bad_request")
	w.send(t, "GET", "/background-task?task=a%20b", "").requireInvalid(t, "query.task")
}

// TestTasksOfApplication: its people see its tasks, of all kinds, and no others.
func TestTasksOfApplication(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	begin := func(app string) string {
		w.app(t, `{"name":"`+app+`","uid":"`+app+`"}`)
		w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
		return w.must(t, 202, "POST", "/app/"+app+"/endpoint/one/recover", `{"since":"2999-01-01T00:00:00Z"}`).id(t)
	}
	mine, other := begin("a"), begin("b")
	redrive := w.must(t, 202, "POST", "/app/a/endpoint/one/dlq/redrive", "").id(t)
	w.must(t, 204, "POST", "/admin/redrive-dlq", "") // is of no application

	member := w.member(t, "a", `{"capabilities":["ViewBase","CreateAttempts"]}`)
	for query, want := range map[string][]any{
		"": {redrive, mine}, "?task=endpoint.recover": {mine}, "?status=finished": {}, "?limit=1&iterator=" + redrive: {mine},
	} {
		require.Equal(t, want, w.sendAs(t, member, "GET", "/app/a/background-task"+query, "").data(t, "id"), query)
	}
	a := w.sendAs(t, member, "GET", "/app/a/background-task/"+mine, "")
	require.Equal(t, w.must(t, 200, "GET", "/background-task/"+mine, "").body, a.body)
	for _, method := range []struct{ method, path string }{{"GET", ""}, {"POST", "/cancel"}} {
		w.sendAs(t, member, method.method, "/app/a/background-task/"+other+method.path, "").requireCode(t, 404, "not_found")
	}
	require.Equal(t, "running", w.must(t, 200, "GET", "/background-task/"+other, "").body["status"], "it goes on")
	require.Equal(t, "failed", w.sendAs(t, member, "POST", "/app/a/background-task/"+mine+"/cancel", "").body["status"])
	viewer := w.member(t, "a", `{"capabilities":["ViewBase"]}`)
	require.Equal(t, 403, w.sendAs(t, viewer, "POST", "/app/a/background-task/"+redrive+"/cancel", "").status)
}

// TestFates: messages are found by what became of them at any endpoint, or at one, and
// that is told where it is asked for.
func TestFates(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	one, two := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`), w.endpoint(t, app, `{"url":"https://two.example/"}`)
	names := make(map[string]string)
	for _, name := range []string{"new", "taken", "half", "again", "dead"} {
		names[w.message(t, app, `{"eventType":"paid","payload":{}}`)] = name
	}
	of := func(name string) string {
		for id, is := range names {
			if is == name {
				return id
			}
		}
		return ""
	}
	w.try(t, app, of("taken"), one, "timeout", "again")
	w.try(t, app, of("taken"), one, "success")
	w.try(t, app, of("half"), one, "success")
	w.try(t, app, of("half"), two, "timeout", "again")
	w.try(t, app, of("again"), one, "timeout", "again")
	w.try(t, app, of("dead"), two, "rejected")

	list := func(query string) (found []string) {
		for _, m := range w.must(t, 200, "GET", "/app/a/msg?"+query, "").body["data"].([]any) {
			found = append(found, names[m.(map[string]any)["id"].(string)])
		}
		return found
	}
	require.Equal(t, []string{"half", "taken"}, list("status=0"))
	require.Equal(t, []string{"new"}, list("status=1"))
	require.Equal(t, []string{"dead"}, list("status=2"))
	require.Equal(t, []string{"again", "half"}, list("status=3"))
	require.Equal(t, []string{"again"}, list("status=3&endpoint_id=one"))
	require.Equal(t, []string{"dead", "half"}, list("endpoint_id="+two))
	require.Equal(t, []string{"dead", "again", "half", "taken"}, list("status_code_class=0"), "none of them was answered")
	require.Empty(t, list("status_code_class=500"))
	require.Empty(t, list("status=2&event_types=other"))
	require.Equal(t, []string{"half"}, list("status=0&limit=1"))
	w.send(t, "GET", "/app/a/msg?status=9", "").requireCode(t, 400, "bad_request")
	w.send(t, "GET", "/app/a/msg?endpoint_id=nowhere", "").requireCode(t, 404, "not_found")

	for _, m := range w.must(t, 200, "GET", "/app/a/msg?with_deliveries=true", "").body["data"].([]any) {
		m := m.(map[string]any)
		require.Equal(t, map[string]map[string]any{
			"new": {"success": 0.0, "sending": 0.0, "fail": 0.0}, "taken": {"success": 1.0, "sending": 0.0, "fail": 0.0},
			"half": {"success": 1.0, "sending": 1.0, "fail": 0.0}, "again": {"success": 0.0, "sending": 1.0, "fail": 0.0},
			"dead": {"success": 0.0, "sending": 0.0, "fail": 1.0},
		}[names[m["id"].(string)]], m["deliveries"])
	}
	require.NotContains(t, w.must(t, 200, "GET", "/app/a/msg", "").body["data"].([]any)[0], "deliveries")
}
