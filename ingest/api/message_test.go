package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"acme"}`)
	a := w.must(t, 202, "POST", "/app/acme/msg/", `{"eventType":"never.listed","eventId":"order-1","channels":["eu","us"],"tags":["q3","vip"],"priority":"high",
		"payloadRetentionPeriod":90,"payload": {"b": 1.0,"a":  "<é>","b":2} ,"unknown":{}}`)
	id := a.id(t)
	require.True(t, strings.HasPrefix(id, "msg_"))
	require.Equal(t, map[string]any{
		"id": id, "eventType": "never.listed", "eventId": "order-1", "channels": []any{"eu", "us"}, "tags": []any{"q3", "vip"},
		"payload": map[string]any{"b": 2.0, "a": "<é>"}, "timestamp": a.body["timestamp"],
	}, a.body)
	at, err := time.Parse(time.RFC3339, a.body["timestamp"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)

	stored, err := w.store.Event(t.Context(), parse(t, event.Tenant, app), store.Ref{ID: parse(t, event.Message, id)}, true)
	require.NoError(t, err)
	require.Equal(t, `{"b": 1.0,"a":  "<é>","b":2}`, string(stored.Payload), "byte for byte") //nolint:testifylint // not merely as JSON
	require.Equal(t, event.High, stored.Priority)

	for _, path := range []string{"/app/acme/msg/", "/app/" + app + "/msg/"} {
		require.Equal(t, a.body, w.must(t, 200, "GET", path+id, "").body)
		require.Equal(t, a.body, w.must(t, 200, "GET", path+"order-1", "").body)
	}
	require.Equal(t, map[string]any{}, w.must(t, 200, "GET", "/app/acme/msg/"+id+"?with_content=false", "").body["payload"])
	require.Equal(t, map[string]any{}, w.must(t, 202, "POST", "/app/acme/msg?with_content=false", `{"eventType":"a","payload":{"x":1}}`).body["payload"])
	require.Equal(t, map[string]any{"x": 1.0}, w.must(t, 202, "POST", "/app/acme/msg", `{"eventType":"a","data":{"x":1}}`).body["payload"])

	other := w.app(t, `{"name":"b"}`)
	w.send(t, "GET", "/app/"+other+"/msg/"+id, "").requireCode(t, 404, "not_found")
	w.send(t, "GET", "/app/acme/msg/order-2", "").requireCode(t, 404, "not_found")
	w.send(t, "POST", "/app/acme/msg", `{"eventType":"a","payload":{},"eventId":"order-1"}`).requireCode(t, 409, "conflict")
	w.must(t, 202, "POST", "/app/"+other+"/msg", `{"eventType":"a","payload":{},"eventId":"order-1"}`)
	for _, app := range []string{"nobody", event.Tenant.Format(event.NewID()), "app_x", "%00"} {
		w.send(t, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{}}`).requireCode(t, 404, "not_found")
	}
	w.send(t, "POST", "/app/acme/msg", `{"eventType":"a"}`).requireInvalid(t, "body.payload")
	w.send(t, "POST", "/app/acme/msg", `{"eventType":"a","payload":null}`).requireInvalid(t, "body.payload")
}

// TestDeliverAt is shown as it was posted, and travels with the event.
func TestDeliverAt(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	at := time.Now().Add(23 * time.Hour).Truncate(time.Millisecond)
	post := func(more string) answer {
		return w.send(t, "POST", "/app/a/msg", `{"eventType":"a","payload":{},"deliverAt":"`+at.Format(time.RFC3339Nano)+`"`+more+`}`)
	}
	a := post(`,"payloadRetentionHours":24`)
	require.Equal(t, 202, a.status, a.text)
	require.Equal(t, at.UTC().Format(time.RFC3339Nano), a.body["deliverAt"])
	require.Equal(t, a.body, w.must(t, 200, "GET", "/app/a/msg/"+a.id(t), "").body)
	events := w.outbox(t)
	require.Len(t, events, 1)
	require.True(t, at.Equal(events[0].DeliverAt))
	post(`,"payloadRetentionHours":1`).requireInvalid(t, "body.payloadRetentionHours")
}

// TestRetention: a payload expires by itself only where it would not anyway.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *api.Config) { c.Retention = 30 * 24 * time.Hour })
	w.app(t, `{"name":"a","uid":"a"}`)
	for body, want := range map[string]time.Duration{
		`"payloadRetentionHours":1`:    time.Hour,
		`"payloadRetentionPeriod":7`:   7 * 24 * time.Hour,
		`"payloadRetentionPeriod":31`:  0,
		`"payloadRetentionHours":2160`: 0,
		`"payloadRetentionHours":null`: 0,
	} {
		w.message(t, "a", `{"eventType":"a","payload":{},`+body+`}`)
		events := w.outbox(t)
		require.Len(t, events, 1)
		if want == 0 {
			require.Zero(t, events[0].Expires, body)
			continue
		}
		require.WithinDuration(t, events[0].ID.Time().Add(want), events[0].Expires, time.Second, body)
	}
	w.send(t, "POST", "/app/a/msg", `{"eventType":"a","payload":{},"payloadRetentionHours":1,"payloadRetentionPeriod":5}`).requireInvalid(t, "body.payloadRetentionHours")
}

func TestRawPayload(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	for name, test := range map[string]struct{ body, stored, shown string }{
		"text":      {`"<a/>\u0000"`, "<a/>\x00", `{"rawPayload":"<a/>\u0000"}`},
		"empty":     {`""`, "", `{"rawPayload":""}`},
		"an object": {`" {\"a\" : 1} "`, ` {"a" : 1} `, `{"rawPayload":" {\"a\" : 1} "}`},
		"exactly":   {`"{\"a\" : 1}"`, `{"a" : 1}`, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.must(t, 202, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":`+test.body+`,"x":1}}`)
			payload, err := w.store.Payload(t.Context(), parse(t, event.Tenant, app), parse(t, event.Message, a.id(t)))
			require.NoError(t, err)
			require.Equal(t, test.stored, string(payload))
			var shown any
			require.NoError(t, json.Unmarshal([]byte(test.shown), &shown))
			require.Equal(t, shown, a.body["payload"])
			require.Equal(t, a.body, w.must(t, 200, "GET", "/app/"+app+"/msg/"+a.id(t), "").body)
		})
	}
	w.send(t, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":1}}`).requireInvalid(t, "body.transformationsParams.rawPayload")
}

// TestApplicationAlong: a message can bring its application along.
func TestApplicationAlong(t *testing.T) {
	t.Parallel()
	w := start(t)
	post := func(app, along string) answer {
		return w.send(t, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{},"application":`+along+`}`)
	}
	fault := func(a answer) any {
		a.requireInvalid(t, "body.application.uid")
		return a.body["detail"].([]any)[0].(map[string]any)["type"]
	}
	require.Equal(t, "application_uid_missing", fault(post("new", `{"name":"New"}`)))
	require.Equal(t, "application_uid_mismatch", fault(post("new", `{"name":"New","uid":"other"}`)))
	require.Equal(t, "application_uid_mismatch", fault(post(event.Tenant.Format(event.NewID()), `{"name":"New","uid":"other"}`)))
	post("new", `{"uid":"new"}`).requireInvalid(t, "body.application.name")
	post("new", `1`).requireInvalid(t, "body.application")
	post("new", `null`).requireCode(t, 404, "not_found")
	w.must(t, 404, "GET", "/app/new", "")

	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if a := post("new", `{"name":"New","uid":"new"}`); a.status != 202 {
				t.Error(a.text)
			}
		})
	}
	wait.Wait()
	require.Len(t, w.must(t, 200, "GET", "/app/new/msg", "").data(t, "id"), 8, "all of the one application")
	require.Equal(t, 202, post("new", `{"name":"Ignored","uid":"ignored"}`).status, "it is there already")
	require.Equal(t, "New", w.must(t, 200, "GET", "/app/new", "").body["name"])
}

func TestIdempotency(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	w.app(t, `{"name":"b","uid":"b"}`)
	const body = `{"eventType":"a","payload":{"n":1}}`
	key := "Idempotency-Key:auto_1"
	first := w.must(t, 202, "POST", "/app/a/msg", body, key)
	require.Equal(t, first.body, w.must(t, 202, "POST", "/app/a/msg", body, key).body)
	require.Equal(t, map[string]any{}, w.must(t, 202, "POST", "/app/a/msg?with_content=false", body, key).body["payload"])
	w.send(t, "POST", "/app/a/msg", `{"eventType":"a","payload":{"n":2}}`, key).requireCode(t, 409, "conflict")
	require.NotEqual(t, first.id(t), w.must(t, 202, "POST", "/app/b/msg", body, key).id(t), "another application's key")
	require.Len(t, w.must(t, 200, "GET", "/app/a/msg", "").data(t, "id"), 1)

	t.Run("at the same time", func(t *testing.T) {
		ids := make([]string, 8)
		var wait sync.WaitGroup
		for n := range ids {
			wait.Go(func() {
				ids[n], _ = w.send(t, "POST", "/app/a/msg", body, "Idempotency-Key:auto_2").body["id"].(string)
			})
		}
		wait.Wait()
		for _, id := range ids {
			require.Equal(t, ids[0], id)
		}
		require.NotEmpty(t, ids[0])
	})
	t.Run("of a message that was refused", func(t *testing.T) {
		const named = `{"eventType":"a","payload":{},"eventId":"order-1"}`
		w.must(t, 202, "POST", "/app/a/msg", named)
		for range 2 {
			w.send(t, "POST", "/app/a/msg", named, "Idempotency-Key:late").requireCode(t, 409, "conflict")
		}
	})
	t.Run("bad keys", func(t *testing.T) {
		for _, key := range []string{"", strings.Repeat("x", 257), "a\tb", "é"} {
			w.send(t, "POST", "/app/a/msg", body, "Idempotency-Key:"+key).requireInvalid(t, "header.idempotency-key")
		}
		w.must(t, 202, "POST", "/app/a/msg", body, "Idempotency-Key:"+strings.Repeat("x", 256))
	})
}

// stale remembers what it was asked until it is told to forget.
type stale struct {
	names api.Names
	known sync.Map
}

func (s *stale) TenantByUID(ctx context.Context, uid string) (event.ID, error) {
	if id, ok := s.known.Load(uid); ok {
		return id.(event.ID), nil
	}
	id, err := s.names.TenantByUID(ctx, uid)
	if err == nil {
		s.known.Store(uid, id)
	}
	return id, err
}

func (s *stale) Forget(uid string) { s.known.Delete(uid) }

// TestStaleName: whoever remembers a tenant that is gone, or has another uid
// now, is not believed.
func TestStaleName(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *api.Config) { c.Names = &stale{names: c.Names} })
	w.app(t, `{"name":"a","uid":"a"}`)
	w.message(t, "a", `{"eventType":"a","payload":{}}`)
	w.must(t, 204, "DELETE", "/app/a", "")
	w.send(t, "POST", "/app/a/msg", `{"eventType":"a","payload":{}}`).requireCode(t, 404, "not_found")
	second := w.app(t, `{"name":"a","uid":"a"}`)
	id := w.message(t, "a", `{"eventType":"a","payload":{}}`)
	w.must(t, 200, "GET", "/app/"+second+"/msg/"+id, "")

	w.must(t, 200, "PATCH", "/app/a", `{"uid":"renamed"}`)
	third := w.app(t, `{"name":"a","uid":"a"}`)
	id = w.message(t, "a", `{"eventType":"a","payload":{}}`)
	w.must(t, 200, "GET", "/app/"+third+"/msg/"+id, "")
	id = w.message(t, "renamed", `{"eventType":"a","payload":{}}`)
	w.must(t, 200, "GET", "/app/"+second+"/msg/"+id, "")
}

func TestMessageList(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	var ids, times []string
	for n := range 6 {
		body := fmt.Sprintf(`{"eventType":"type.%d","payload":{"n":%d},"channels":["all","c%d"],"tags":["all","t%d"]}`, n%3, n, n%2, n%2)
		a := w.must(t, 202, "POST", "/app/a/msg", body)
		ids, times = append(ids, a.id(t)), append(times, a.body["timestamp"].(string))
		time.Sleep(2 * time.Millisecond) // the order of times is what is tested
	}
	pick := func(indexes ...int) []any {
		picked := []any{}
		for _, n := range indexes {
			picked = append(picked, ids[n])
		}
		return picked
	}
	for _, test := range []struct {
		query string
		want  []any
		done  bool
	}{
		{"", pick(5, 4, 3, 2, 1, 0), true},
		{"limit=2", pick(5, 4), false},
		{"limit=2&iterator=" + ids[4], pick(3, 2), false},
		{"limit=2&iterator=" + ids[2], pick(1, 0), true},
		{"limit=2&iterator=-" + ids[2], pick(4, 3), false},
		{"limit=3&iterator=-" + ids[2], pick(5, 4, 3), true},
		{"limit=3&iterator=-" + ids[5], pick(), true},
		{"before=" + times[2], pick(1, 0), true},
		{"after=" + times[3], pick(5, 4, 3), true},
		{"limit=2&after=" + times[1], pick(2, 1), false},
		{"limit=2&after=" + times[1] + "&iterator=-" + ids[2], pick(4, 3), false},
		{"limit=2&after=" + times[1] + "&iterator=" + ids[3], pick(2, 1), true},
		{"after=" + times[1] + "&before=" + times[3], pick(2, 1), true},
		{"channel=c1", pick(5, 3, 1), true},
		{"channel=nobody", pick(), true},
		{"tag=t1", pick(5, 3, 1), true},
		{"tag=nobody", pick(), true},
		{"event_types=type.1", pick(4, 1), true},
		{"event_types=type.1,type.2", pick(5, 4, 2, 1), true},
		{"event_types=type.1&event_types=type.2", pick(5, 4, 2, 1), true},
		{"event_types[]=type.1&event_types[]=type.2", pick(5, 4, 2, 1), true},
		{"event_types[0]=type.1&event_types%5B1%5D=type.2", pick(5, 4, 2, 1), true},
		{"event_types=type.1&channel=c1", pick(1), true},
	} {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			a := w.must(t, 200, "GET", "/app/a/msg?"+test.query, "")
			require.Equal(t, test.want, a.data(t, "id"))
			require.Equal(t, test.done, a.body["done"])
			if len(test.want) > 0 {
				require.Equal(t, test.want[len(test.want)-1], a.body["iterator"])
				require.Equal(t, "-"+test.want[0].(string), a.body["prevIterator"])
			}
		})
	}
	require.Equal(t, []any{map[string]any{"n": 5.0}}, w.must(t, 200, "GET", "/app/a/msg?limit=1", "").data(t, "payload"))
	require.Equal(t, []any{map[string]any{}}, w.must(t, 200, "GET", "/app/a/msg?limit=1&with_content=false", "").data(t, "payload"))
	w.must(t, 404, "GET", "/app/nobody/msg", "")
}
