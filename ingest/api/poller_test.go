package api_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drain polls until there is no more, and returns the last answer and all ids.
func (w *world) drain(t *testing.T, path, iterator, query string) (answer, []any) {
	t.Helper()
	var ids []any
	for {
		a := w.must(t, 200, "GET", path+"?iterator="+iterator+query, "")
		ids = append(ids, a.data(t, "id")...)
		if iterator = a.body["iterator"].(string); a.body["done"] == true {
			return a, ids
		}
	}
}

func TestPoller(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	const path = "/app/a/poller/ledger"
	first := w.must(t, 200, "GET", path, "")
	require.Empty(t, first.data(t, "id"))
	require.Equal(t, true, first.body["done"])

	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	posted := w.must(t, 202, "POST", "/app/a/msg", `{"eventType":"rare","eventId":"order-1","channels":["eu"],"tags":["vip"],"payload":{"x":1},"deliverAt":"`+at.Format(time.RFC3339Nano)+`"}`)
	want := []any{posted.id(t)}
	for range 6 {
		want = append(want, w.message(t, "a", `{"eventType":"a","payload":{}}`))
	}
	removed := w.message(t, "a", `{"eventType":"a","payload":{"secret":1}}`)
	want = append(want, removed)
	w.must(t, 204, "DELETE", "/app/a/msg/"+removed+"/content", "")
	w.message(t, w.app(t, `{"name":"b"}`), `{"eventType":"a","payload":{}}`)

	for _, from := range []string{"", first.body["iterator"].(string)} {
		for _, limit := range []string{"", "&limit=1", "&limit=3", "&limit=250"} {
			last, ids := w.drain(t, path, from, limit)
			require.Equal(t, want, ids, "limit %q", limit)
			_, ids = w.drain(t, path, last.body["iterator"].(string), "")
			require.Empty(t, ids)
		}
	}
	shown := w.must(t, 200, "GET", path, "").body["data"].([]any)
	require.Equal(t, posted.body, shown[0])
	require.Equal(t, map[string]any{"expired": true}, shown[len(shown)-1].(map[string]any)["payload"])
	for _, filter := range []string{"&event_type=rare", "&channel=eu"} {
		_, ids := w.drain(t, path, "", filter)
		require.Equal(t, want[:1], ids, filter)
	}
	for after, want := range map[time.Time][]any{time.Now().Add(-time.Hour): want, time.Now().Add(time.Minute): {}} {
		a := w.must(t, 200, "GET", path+"?after="+url.QueryEscape(after.Format(time.RFC3339)), "")
		require.Equal(t, want, a.data(t, "id"))
	}
	require.Equal(t, want, w.sendAs(t, w.member(t, app, `{}`), "GET", path, "").data(t, "id"))
}

// TestPollerConsumer: what a consumer did not acknowledge comes again.
func TestPollerConsumer(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	var want []any
	for range 5 {
		want = append(want, w.message(t, "a", `{"eventType":"a","payload":{}}`))
	}
	const path = "/app/a/poller/ledger/consumer/one"
	for range 2 {
		require.Equal(t, want[:2], w.must(t, 200, "GET", path+"?limit=2", "").data(t, "id"))
	}
	a := w.must(t, 200, "GET", path+"?limit=2", "")
	second := w.must(t, 200, "GET", path+"?limit=2&iterator="+a.body["iterator"].(string), "")
	require.Equal(t, want[2:4], second.data(t, "id"))
	for range 2 {
		require.Equal(t, want[2:], w.must(t, 200, "GET", path, "").data(t, "id"))
	}
	last, ids := w.drain(t, path, second.body["iterator"].(string), "")
	require.Equal(t, want[4:], ids)
	w.must(t, 200, "GET", path+"?iterator="+last.body["iterator"].(string), "")
	require.Empty(t, w.must(t, 200, "GET", path, "").data(t, "id"))
	for _, other := range []string{"/app/a/poller/ledger/consumer/two", "/app/a/poller/other/consumer/one", "/app/a/poller/ledger"} {
		require.Equal(t, want, w.must(t, 200, "GET", other, "").data(t, "id"))
	}

	a = w.must(t, 200, "POST", path+"/seek", `{"after":"2020-01-01T00:00:00Z"}`)
	require.Equal(t, want, w.must(t, 200, "GET", path, "").data(t, "id"))
	require.Equal(t, want, w.must(t, 200, "GET", "/app/a/poller/ledger?iterator="+a.body["iterator"].(string), "").data(t, "id"))
	w.must(t, 200, "POST", path+"/seek", `{"after":"2999-01-01T00:00:00Z"}`)
	require.Empty(t, w.must(t, 200, "GET", path, "").data(t, "id"))
}

func TestPollerRefuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	for _, path := range []string{"/app/a/poller/ledger", "/app/a/poller/ledger/consumer/one"} {
		for _, iterator := range []string{"a%20b", "%00", "-", "%ff", "AAAA", "msg_0ERXTCFYIUS7L0rAqclqwMOdAOL"} {
			w.send(t, "GET", path+"?iterator="+iterator, "").requireInvalid(t, "query.iterator")
		}
		w.send(t, "GET", path+"?limit=251", "").requireInvalid(t, "query.limit")
		w.send(t, "GET", path+"?event_type=a%20b", "").requireInvalid(t, "query.event_type")
		w.send(t, "GET", path+"?channel=a%20b", "").requireInvalid(t, "query.channel")
	}
	w.send(t, "GET", "/app/a/poller/ledger?after=yesterday", "").requireCode(t, 400, "bad_request")
	for _, value := range []string{``, `"after":null`, `"after":1`, `"after":"yesterday"`} {
		w.send(t, "POST", "/app/a/poller/ledger/consumer/one/seek", "{"+value+"}").requireInvalid(t, "body.after")
	}
	for _, path := range []string{"/app/a/poller/a%20b", "/app/b/poller/ledger", "/app/a/poller/ledger/consumer/a%20b", "/app/b/poller/ledger/consumer/one"} {
		w.send(t, "GET", path, "").requireCode(t, http.StatusNotFound, "not_found")
	}
	w.send(t, "POST", "/app/b/poller/ledger/consumer/one/seek", `{"after":"2020-01-01T00:00:00Z"}`).requireCode(t, http.StatusNotFound, "not_found")
}
