package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestAttempt(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	one, two := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one"}`), w.endpoint(t, app, `{"url":"https://two.example/"}`)
	first := w.message(t, app, `{"eventType":"paid","payload":{},"channels":["eu"],"tags":["vip"],"eventId":"order-1"}`)
	second := w.message(t, app, `{"eventType":"lost","payload":{}}`)

	tenant := parse(t, event.Tenant, app)
	var rows []store.Attempt
	var ids []string
	for n, row := range []struct {
		message, endpoint, outcome string
		status                     int
		again, run                 bool
		response                   string
	}{
		{first, one, "http_status", 500, true, false, "oh"},
		{first, one, "timeout", 0, true, false, "no answer in time"},
		{first, one, "success", 204, false, false, ""},
		{first, two, "success", 200, false, true, "\xff\x00"},
		{second, one, "http_status", 404, false, false, "gone\x00"},
	} {
		a := store.Attempt{
			ID: event.NewID(), Tenant: tenant, Event: parse(t, event.Message, row.message), Endpoint: parse(t, event.Endpoint, row.endpoint),
			Number: n + 1, Outcome: row.outcome, StatusCode: row.status, Duration: 12 * time.Millisecond,
			URL: "https://one.example/", Response: []byte(row.response),
		}
		if row.again {
			a.NextAt = time.Now().Add(time.Hour)
		}
		if row.status == 500 {
			a.Headers = &store.AttemptHeaders{
				Sent: map[string]string{"Webhook-Id": row.message}, Hidden: []string{"Authorization", "X-Own"},
				Answered: []store.Header{{"Set-Cookie", "xxxxx"}, {"X-Twice", "1"}, {"X-Twice", "2"}}, Cut: true,
			}
		}
		if row.run {
			a.Run = event.NewID()
		}
		rows, ids = append(rows, a), append(ids, event.Attempt.Format(a.ID))
	}
	require.NoError(t, w.store.RecordAttempts(t.Context(), rows))

	a := w.must(t, 200, "GET", "/app/"+app+"/msg/order-1/attempt/"+ids[1], "")
	require.Equal(t, map[string]any{
		"id": ids[1], "url": "https://one.example/", "response": "no answer in time", "responseStatusCode": 0.0, "responseDurationMs": 12.0,
		"status": 2.0, "statusText": "fail", "triggerType": 0.0, "msgId": first, "endpointId": one, "timestamp": a.body["timestamp"],
	}, a.body)
	a = w.must(t, 200, "GET", "/app/"+app+"/msg/"+first+"/attempt/"+ids[3], "")
	require.Equal(t, []any{0.0, "success", 1.0, "/wA="}, []any{a.body["status"], a.body["statusText"], a.body["triggerType"], a.body["response"]})
	require.Equal(t, map[string]any{
		"sensitive": []any{"Authorization", "X-Own"}, "sentHeaders": map[string]any{"Webhook-Id": first}, "truncated": true,
		"responseHeaders": []any{[]any{"Set-Cookie", "xxxxx"}, []any{"X-Twice", "1"}, []any{"X-Twice", "2"}},
	}, w.must(t, 200, "GET", "/app/"+app+"/msg/order-1/attempt/"+ids[0]+"/headers", "").body)
	require.Equal(t, map[string]any{"sensitive": []any{}, "sentHeaders": map[string]any{}, "responseHeaders": nil, "truncated": false},
		w.must(t, 200, "GET", "/app/"+app+"/msg/order-1/attempt/"+ids[1]+"/headers", "").body, "none were kept")
	for _, path := range []string{"/msg/" + second + "/attempt/" + ids[1] + "/headers", "/msg/" + first + "/attempt/" + one + "/headers"} {
		w.send(t, "GET", "/app/"+app+path, "").requireCode(t, 404, "not_found")
	}
	for _, path := range []string{"/msg/" + second + "/attempt/" + ids[1], "/msg/" + first + "/attempt/" + one, "/msg/x/attempt/" + ids[1]} {
		w.send(t, "GET", "/app/"+app+path, "").requireCode(t, 404, "not_found")
	}

	byEndpoint, byMessage := "/app/"+app+"/attempt/endpoint/one?", "/app/"+app+"/attempt/msg/"+first+"?"
	after := func(n int) string { return "after=" + rows[n].ID.Time().Format(time.RFC3339Nano) }
	for _, test := range []struct {
		path string
		want []int
	}{
		{byEndpoint, []int{4, 2, 1, 0}},
		{byEndpoint + "limit=2", []int{4, 2}},
		{byEndpoint + "limit=2&iterator=" + ids[2], []int{1, 0}},
		{byEndpoint + "limit=2&iterator=-" + ids[0], []int{2, 1}},
		{byEndpoint + "status=0", []int{2}},
		{byEndpoint + "status=2", []int{4, 1, 0}},
		{byEndpoint + "status=1", []int{}},
		{byEndpoint + "status=3", []int{}},
		{byEndpoint + "status_code_class=0", []int{1}},
		{byEndpoint + "status_code_class=200", []int{2}},
		{byEndpoint + "status_code_class=500", []int{0}},
		{byEndpoint + "channel=eu", []int{2, 1, 0}},
		{byEndpoint + "tag=vip", []int{2, 1, 0}},
		{byEndpoint + "tag=eu", []int{}},
		{byEndpoint + "event_types=lost", []int{4}},
		{byEndpoint + "event_types=lost,paid&status=2&expanded_statuses=true", []int{4, 1, 0}},
		{byEndpoint + after(2), []int{4, 2}},
		{byEndpoint + "before=" + rows[2].ID.Time().Format(time.RFC3339Nano), []int{1, 0}},
		{byEndpoint + "limit=1&" + after(1), []int{1}},
		{byMessage, []int{3, 2, 1, 0}},
		{byMessage + "endpoint_id=one", []int{2, 1, 0}},
		{byMessage + "endpoint_id=" + two, []int{3}},
		{byMessage + "status=0&event_types=paid", []int{3, 2}},
		{byMessage + "limit=3&iterator=" + ids[3], []int{2, 1, 0}},
		{byMessage + after(2), []int{3, 2}},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			want := []any{}
			for _, n := range test.want {
				want = append(want, ids[n])
			}
			require.Equal(t, want, w.must(t, 200, "GET", test.path, "").data(t, "id"))
		})
	}
	require.Equal(t, []any{"{}"}, w.must(t, 200, "GET", byEndpoint+"limit=1&with_content=false", "").data(t, "response"))
	other := w.app(t, `{"name":"b"}`)
	for _, path := range []string{"/attempt/endpoint/" + one, "/attempt/msg/" + first, "/msg/" + first + "/attempt/" + ids[0]} {
		w.send(t, "GET", "/app/"+other+path, "").requireCode(t, 404, "not_found")
	}
	w.send(t, "GET", byMessage+"endpoint_id=nobody", "").requireCode(t, 404, "not_found")
}
