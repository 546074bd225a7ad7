package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// TestActivity shows what was attempted at an endpoint, and at several at once.
func TestActivity(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	one, two := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`), w.endpoint(t, app, `{"url":"https://two.example/"}`)
	message := w.message(t, app, `{"eventType":"paid","payload":{}}`)
	var attempts []store.Attempt
	for n, outcome := range []string{"success", "success", "success", "timeout", "endpoint_disabled"} {
		attempts = append(attempts, store.Attempt{
			ID: event.NewID(), Tenant: parse(t, event.Tenant, app), Event: parse(t, event.Message, message), Endpoint: parse(t, event.Endpoint, one),
			Number: n + 1, Outcome: outcome, Duration: 100 * time.Millisecond, Response: []byte{},
		})
	}
	began := time.Now().UTC()
	require.NoError(t, w.store.RecordAttempts(t.Context(), attempts))

	a := w.must(t, 200, "GET", "/app/a/endpoint/one/activity", "")
	require.Equal(t, []any{one, 3600.0, true}, []any{a.body["endpointId"], a.body["bucketSeconds"], a.body["complete"]})
	total := a.body["total"].(map[string]any)
	require.Equal(t, []any{3.0, 1.0}, []any{total["succeeded"], total["failed"]})
	require.Equal(t, map[string]any{"success": 3.0, "timeout": 1.0, "endpoint_disabled": 1.0}, total["byOutcome"], "what was not sent is no failure")
	for _, share := range []string{"p50", "p95", "p99"} {
		require.InDelta(t, 100, total["durationMs"].(map[string]any)[share], 100.0/5*2)
	}
	buckets := a.body["buckets"].([]any)
	require.Len(t, buckets, 24)
	quiet := buckets[3].(map[string]any)
	require.Equal(t, map[string]any{"at": quiet["at"], "succeeded": 0.0, "failed": 0.0, "byOutcome": map[string]any{}, "durationMs": nil}, quiet)
	if last := buckets[23].(map[string]any); last["at"] == began.Truncate(time.Hour).Format(time.RFC3339) { // else the hour ended meanwhile
		require.Equal(t, total["byOutcome"], last["byOutcome"])
	}

	a = w.must(t, 200, "GET", "/app/a/activity?period=week&endpoint_ids="+two+","+one, "")
	require.Equal(t, []any{two, one}, a.data(t, "endpointId"), "in the order asked for")
	require.Equal(t, map[string]any{}, a.data(t, "total")[0].(map[string]any)["byOutcome"])
	require.Equal(t, total, a.data(t, "total")[1])

	for period, want := range map[string][2]any{"hour": {60, 60.0}, "day": {24, 3600.0}, "week": {28, 21600.0}, "month": {30, 86400.0}} {
		a := w.must(t, 200, "GET", "/app/a/endpoint/one/activity?period="+period, "")
		require.Equal(t, want[1], a.body["bucketSeconds"])
		require.Len(t, a.body["buckets"], want[0].(int))
	}
	other := w.app(t, `{"name":"b"}`)
	a = w.must(t, 200, "GET", "/app/"+other+"/activity?endpoint_ids="+one, "")
	require.Equal(t, map[string]any{}, a.data(t, "total")[0].(map[string]any)["byOutcome"], "it is not of this application")

	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("ep_%d", i)
	}
	for _, ids := range []string{"", "one", one + "," + one, strings.Join(many, ",")} {
		w.exchange(t, "GET", "/app/a/activity?endpoint_ids="+ids, "").requireInvalid(t, "query.endpoint_ids")
	}
	w.exchange(t, "GET", "/app/a/endpoint/one/activity?period=year", "").requireInvalid(t, "query.period")
}
