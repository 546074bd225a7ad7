package api_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestReplay(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	message := w.message(t, app, `{"eventType":"paid","payload":{},"eventId":"order-1"}`)
	alive := w.message(t, app, `{"eventType":"paid","payload":{}}`)
	ids := store.Task{Tenant: parse(t, event.Tenant, app), Endpoint: parse(t, event.Endpoint, endpoint)}
	dead := parse(t, event.Message, message)
	require.NoError(t, w.store.RecordDeadLetters(t.Context(), []store.DeadLetter{
		{Tenant: ids.Tenant, Endpoint: ids.Endpoint, Event: dead, Type: "paid", Reason: "timeout", Attempts: 8},
	}))

	since := time.Now().Add(-14 * 24 * time.Hour).UTC().Truncate(time.Second)
	until := since.Add(time.Hour)
	calls := []struct {
		name, path, body string
		want             store.Task
	}{
		{"resend", "/app/a/msg/order-1/endpoint/one/resend", ``, store.Task{Kind: store.TaskResend, Event: dead}},
		{"recover", "/app/a/endpoint/one/recover", `{"since":` + strconv.Quote(since.Format(time.RFC3339)) + `}`, store.Task{Kind: store.TaskRecover, Since: since}},
		{
			"recover until", "/app/a/endpoint/" + endpoint + "/recover",
			`{"since":` + strconv.Quote(since.Format(time.RFC3339)) + `,"until":` + strconv.Quote(until.Format(time.RFC3339)) + `}`,
			store.Task{Kind: store.TaskRecover, Since: since, Until: until},
		},
		{
			"bulk-replay", "/app/a/endpoint/one/bulk-replay",
			`{"since":` + strconv.Quote(since.Format(time.RFC3339)) + `,"eventTypes":["paid"],"channel":"eu","tag":"t","status":2,"statusCodeClass":500,"until":null}`,
			store.Task{Kind: store.TaskBulkReplay, Since: since, Selection: store.Selection{
				Types: []string{"paid"}, Channel: "eu", Tag: "t", State: new(store.StateFailed), Codes: &store.CodeRange{From: 500, To: 600},
			}},
		},
		{
			"replay-missing", "/app/a/endpoint/one/replay-missing",
			`{"since":` + strconv.Quote(since.Format(time.RFC3339)) + `,"until":` + strconv.Quote(until.Format(time.RFC3339)) + `}`,
			store.Task{Kind: store.TaskReplay, Since: since, Until: until},
		},
		{"redrive all", "/app/a/endpoint/one/dlq/redrive", ``, store.Task{Kind: store.TaskRedrive}},
		{"redrive some", "/app/a/endpoint/one/dlq/redrive", `{"reason":"timeout","eventTypes":["paid"],"endpointId":"ignored"}`, store.Task{Kind: store.TaskRedrive, Selection: store.Selection{Reason: "timeout", Types: []string{"paid"}}}},
		{"redrive one", "/app/a/endpoint/one/dlq/order-1/redrive", `{}`, store.Task{Kind: store.TaskRedrive, Event: dead}},
	}
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			a := w.must(t, 202, "POST", call.path, call.body)
			got := w.board.last(t)
			if call.want.Kind == store.TaskResend {
				require.Equal(t, "{}\n", a.text)
			} else {
				require.Equal(t, map[string]any{
					"id": event.Task.Format(got.ID), "status": "running", "task": call.want.Kind, "updatedAt": a.body["updatedAt"],
				}, a.body)
			}
			a = w.must(t, 200, "GET", "/background-task/"+event.Task.Format(got.ID), "")
			require.Equal(t, []any{"running", call.want.Kind, map[string]any{"messagesSent": 0.0, "done": 0.0, "total": float64(got.Total)}}, []any{a.body["status"], a.body["task"], a.body["data"]})
			want := call.want
			want.Tenant, want.Endpoint, want.ID, want.Status, want.UpdatedAt = ids.Tenant, ids.Endpoint, got.ID, got.Status, got.UpdatedAt
			want.Total = got.Total
			require.Equal(t, want, got)
		})
	}
	t.Run("unknown", func(t *testing.T) {
		for _, path := range []string{
			"/app/b/msg/order-1/endpoint/one/resend", "/app/a/msg/order-2/endpoint/one/resend", "/app/a/msg/order-1/endpoint/two/resend",
			"/app/a/endpoint/two/dlq/redrive", "/app/a/endpoint/one/dlq/order-2/redrive", "/app/a/endpoint/one/dlq/" + alive + "/redrive",
			"/background-task/" + event.Task.Format(event.NewID()) + "/cancel", "/background-task/x/cancel",
		} {
			w.send(t, "POST", path, "").requireCode(t, 404, "not_found")
		}
		w.send(t, "GET", "/background-task/"+event.Task.Format(event.NewID()), "").requireCode(t, 404, "not_found")
		w.send(t, "GET", "/background-task/x", "").requireCode(t, 404, "not_found")
	})
	t.Run("to a disabled endpoint", func(t *testing.T) {
		w.must(t, 200, "PATCH", "/app/a/endpoint/one", `{"disabled":true}`)
		for _, call := range calls {
			w.send(t, "POST", call.path, call.body).requireCode(t, 400, "endpoint_disabled")
		}
	})
}

// TestReplayMissingEndsWithTheLastChange: what came later was on its way at once.
func TestReplayMissingEndsWithTheLastChange(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	changed, err := time.Parse(time.RFC3339, w.must(t, 200, "PATCH", "/app/a/endpoint/one", `{"description":"d"}`).body["updatedAt"].(string))
	require.NoError(t, err)
	w.must(t, 202, "POST", "/app/a/endpoint/one/replay-missing", `{"since":"2999-01-01T00:00:00Z","until":"2999-01-02T00:00:00Z"}`)
	require.WithinDuration(t, changed, w.board.last(t).Until, 2*time.Second)
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	const since = `{"since":"2999-01-01T00:00:00Z",`
	for _, test := range []struct{ path, body, place string }{
		{"recover", `{}`, "body.since"},
		{"replay-missing", `{"since":null}`, "body.since"},
		{"replay-missing", `{"since":"2020-01-01T00:00:00Z"}`, "body.since"},
		{"bulk-replay", since + `"until":"2998-01-01T00:00:00Z"}`, "body.until"},
		{"bulk-replay", since + `"status":5}`, "body.status"},
		{"bulk-replay", since + `"status":"2"}`, "body.status"},
		{"bulk-replay", since + `"statusCodeClass":404}`, "body.statusCodeClass"},
		{"bulk-replay", since + `"statusCodeClass":1e30}`, "body.statusCodeClass"},
		{"bulk-replay", since + `"eventTypes":[]}`, "body.eventTypes"},
		{"bulk-replay", since + `"channel":"a b"}`, "body.channel"},
		{"bulk-replay", since + `"tag":7}`, "body.tag"},
		{"dlq/redrive", `{"reason":"a b"}`, "body.reason"},
		{"dlq/redrive", `{"eventTypes":"a"}`, "body.eventTypes"},
		{"dlq/redrive", `{"since":"2999-01-01T00:00:00Z","until":"2998-01-01T00:00:00Z"}`, "body.until"},
		{"dlq/purge", `{}`, "body.all"},
		{"dlq/purge", `{"all":false}`, "body.all"},
		{"dlq/purge", `{"all":"yes"}`, "body.all"},
		{"dlq/purge", `{"endpointId":"one"}`, "body.all"},
	} {
		a := w.send(t, "POST", "/app/a/endpoint/one/"+test.path, test.body)
		require.Equal(t, 422, a.status, "%s %s: %s", test.path, test.body, a.text)
		require.Contains(t, a.text, strings.TrimPrefix(test.place, "body."), "%s %s", test.path, test.body)
	}
	require.Empty(t, w.board.tasks)
	require.Empty(t, w.must(t, 200, "GET", "/background-task?task=dlq.purge", "").body["data"])
}

func TestCancelTask(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`)
	id := w.must(t, 202, "POST", "/app/a/endpoint/one/recover", `{"since":"2999-01-01T00:00:00Z"}`).id(t)
	for range 2 {
		a := w.must(t, 200, "POST", "/background-task/"+id+"/cancel", "")
		require.Equal(t, []any{"failed", map[string]any{"messagesSent": 0.0, "done": 0.0, "total": 0.0, "cancelled": true}}, []any{a.body["status"], a.body["data"]})
	}
	require.Equal(t, []any{id}, w.must(t, 200, "GET", "/background-task?status=failed", "").data(t, "id"))
	ended, err := w.store.AdvanceTask(t.Context(), parse(t, event.Task, id), 10, func(context.Context, []store.Selected) error { panic("cancelled") })
	require.NoError(t, err)
	require.True(t, ended)
}
