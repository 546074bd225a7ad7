package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// TestTimeline tells the whole way of a message, in order.
func TestTimeline(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	tried, off := w.endpoint(t, app, `{"url":"https://one.example/"}`), w.endpoint(t, app, `{"url":"https://two.example/"}`)
	waiting := w.endpoint(t, app, `{"url":"https://three.example/","channels":["eu"]}`)
	w.endpoint(t, app, `{"url":"https://four.example/","channels":["us"]}`)
	w.endpoint(t, app, `{"url":"https://five.example/","disabled":true}`)
	id := w.message(t, app, `{"eventType":"a","payload":{},"channels":["eu"]}`)
	w.endpoint(t, app, `{"url":"https://late.example/"}`)
	path := "/app/a/msg/" + id + "/timeline"

	require.Equal(t, []any{"accepted", "pending", "pending", "pending"}, w.must(t, 200, "GET", path, "").data(t, "step"))
	_, err := w.store.Sweep(t.Context(), 0, 10, func(context.Context, []store.Batch) error { return nil })
	require.NoError(t, err)

	tenant, message := parse(t, event.Tenant, app), parse(t, event.Message, id)
	began := time.Now().Add(time.Minute)
	queued := func(n int) time.Time {
		return began.Add(time.Duration(n) * time.Second).UTC().Truncate(time.Microsecond)
	}
	run := event.NewID()
	one := store.Attempt{Tenant: tenant, Event: message, Endpoint: parse(t, event.Endpoint, tried), Number: 1, URL: "https://one.example/", Response: []byte{}}
	first, second, again, unsent := one, one, one, one
	first.ID, first.Outcome, first.StatusCode, first.Duration = event.FloorID(queued(1)), "rejected", 500, 12*time.Millisecond
	first.Lane, first.QueuedAt, first.NextAt = "s03", queued(0), queued(5)
	second.ID, second.Number, second.Outcome = event.FloorID(queued(6)), 2, "timeout"
	again.ID, again.Run, again.Outcome, again.StatusCode, again.Lane, again.QueuedAt = event.FloorID(queued(9)), run, "success", 200, "p01", queued(8)
	unsent.ID, unsent.Endpoint, unsent.Outcome = event.FloorID(queued(2)), parse(t, event.Endpoint, off), store.OutcomeDisabled
	require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{first, second, again, unsent}))
	require.NoError(t, w.store.RecordDeadLetters(t.Context(), []store.DeadLetter{
		{Tenant: tenant, Endpoint: one.Endpoint, Event: message, Reason: "timeout", Attempts: 2},
	}))

	a := w.must(t, 200, "GET", path, "")
	require.Equal(t, true, a.body["done"])
	require.Equal(t, []any{
		"accepted", "published", "dead", "queued", "attempt", "not_sent", "scheduled", "attempt", "queued", "attempt", "pending",
	}, a.data(t, "step"))
	require.Equal(t, []any{nil, nil, tried, tried, tried, off, tried, tried, tried, tried, waiting}, a.data(t, "endpointId"))
	times := a.data(t, "at")
	require.Nil(t, times[len(times)-1])
	step := func(n int) map[string]any { return a.body["data"].([]any)[n].(map[string]any) }
	require.Equal(t, map[string]any{
		"step": "attempt", "at": first.ID.Time().Format(time.RFC3339Nano), "endpointId": tried, "attemptId": event.Attempt.Format(first.ID), "attempt": 1.0,
		"outcome": "rejected", "responseStatusCode": 500.0, "responseDurationMs": 12.0,
	}, step(4))
	require.Equal(t, map[string]any{
		"step": "queued", "at": queued(0).Format(time.RFC3339Nano), "endpointId": tried, "attempt": 1.0, "lane": "s03",
	}, step(3))
	require.Equal(t, map[string]any{
		"step": "scheduled", "at": queued(5).Format(time.RFC3339Nano), "endpointId": tried, "attempt": 2.0,
	}, step(6))
	require.Equal(t, event.Task.Format(run), step(9)["taskId"])
	require.Equal(t, []any{"timeout", 2.0}, []any{step(2)["outcome"], step(2)["attempt"]})
	require.Equal(t, string(event.LaneOf(event.First, tenant)), step(10)["lane"])

	w.must(t, 404, "GET", "/app/a/msg/nothing/timeline", "")
	other := w.app(t, `{"name":"b"}`)
	w.must(t, 404, "GET", "/app/"+other+"/msg/"+id+"/timeline", "")
}
