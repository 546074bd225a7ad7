package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// outbox is what has been accepted and not published, as it would travel.
func (w *world) outbox(t *testing.T) (events []event.Event) {
	t.Helper()
	_, err := w.store.Sweep(t.Context(), 0, 1000, func(_ context.Context, batches []store.Batch) error {
		for _, b := range batches {
			events = append(events, b.Events...)
		}
		return nil
	})
	require.NoError(t, err)
	return events
}

func TestSendExample(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://one.example/","uid":"one","eventTypes":null,"channels":["us"]}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"paid","description":"","schemas":{"9":{},"10":{"examples":[{"n":1},{"n":2}]}}}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"bare","description":""}`)
	const path = "/app/a/endpoint/one/send-example"

	a := w.must(t, 200, "POST", path, `{"eventType":"paid"}`)
	require.Equal(t, []any{"paid", map[string]any{"n": 1.0}}, []any{a.body["eventType"], a.body["payload"]}, "of the newest version")
	require.Equal(t, a.body, w.must(t, 200, "GET", "/app/a/msg/"+a.id(t), "").body)
	events := w.outbox(t)
	require.Len(t, events, 1)
	require.Equal(t, endpoint, event.Endpoint.Format(events[0].Endpoint), "and for nobody else")

	require.Equal(t, map[string]any{"n": 2.0}, w.must(t, 200, "POST", path, `{"eventType":"paid","exampleIndex":1}`).body["payload"])
	w.send(t, "POST", path, `{"eventType":"paid","exampleIndex":2}`).requireInvalid(t, "body.exampleIndex")
	require.Equal(t, map[string]any{"type": "bare"}, w.must(t, 200, "POST", path, `{"eventType":"bare","exampleIndex":7}`).body["payload"])
	w.send(t, "POST", path, `{"eventType":"nothing"}`).requireCode(t, 404, "not_found")
	w.send(t, "POST", "/app/a/endpoint/two/send-example", `{"eventType":"paid"}`).requireCode(t, 404, "not_found")

	require.Equal(t, []any{map[string]any{"n": 1.0}, map[string]any{"n": 2.0}}, w.must(t, 200, "GET", "/event-type/paid/example", "").body["data"])
	require.Equal(t, []any{map[string]any{"type": "bare"}}, w.must(t, 200, "GET", "/event-type/bare/example", "").body["data"])
	w.send(t, "GET", "/event-type/nothing/example", "").requireCode(t, 404, "not_found")

	key := "Idempotency-Key:once"
	a = w.must(t, 200, "POST", path, `{"eventType":"paid"}`, key)
	require.Equal(t, a.body, w.must(t, 200, "POST", path, `{"eventType":"paid"}`, key).body)
	w.send(t, "POST", path, `{"eventType":"bare"}`, key).requireCode(t, 409, "conflict")

	w.must(t, 200, "PATCH", "/app/a/endpoint/one", `{"disabled":true}`)
	w.send(t, "POST", path, `{"eventType":"paid"}`).requireCode(t, 400, "endpoint_disabled")
}

// TestSendExampleOfHiddenType: members try what they may know of, and nothing else.
func TestSendExampleOfHiddenType(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	app := w.app(t, `{"name":"a"}`)
	path := "/app/" + app + "/endpoint/" + w.endpoint(t, app, `{"url":"https://one.example/"}`) + "/send-example"
	w.must(t, 201, "POST", "/event-type", `{"name":"beta","description":"","featureFlags":["beta"]}`)
	plain, flagged := w.member(t, app, `{}`), w.member(t, app, `{"featureFlags":["beta"]}`)
	w.sendAs(t, plain, "POST", path, `{"eventType":"beta"}`).requireCode(t, 404, "not_found")
	w.sendAs(t, plain, "GET", "/event-type/beta/example", "").requireCode(t, 404, "not_found")
	require.Empty(t, w.outbox(t))
	require.Equal(t, 200, w.sendAs(t, flagged, "POST", path, `{"eventType":"beta"}`).status)
	require.Equal(t, 200, w.sendAs(t, flagged, "GET", "/event-type/beta/example", "").status)
	require.Len(t, w.outbox(t), 1)
	w.sendAs(t, w.member(t, app, `{"capabilities":["ViewBase","ManageEndpoint"]}`), "POST", path, `{"eventType":"beta"}`).requireCode(t, 403, "insufficient access")
}

// TestExampleOfSchema makes examples of schemas that give none.
func TestExampleOfSchema(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	w.endpoint(t, "a", `{"url":"https://one.example/","uid":"one"}`)
	for name, test := range map[string]struct{ schema, want string }{
		"by type": {
			`{"type":"object","properties":{"id":{"type":"string"},"at":{"type":"string","format":"date-time"},"n":{"type":"integer"},
				"least":{"type":"number","minimum":2.5},"paid":{"type":"boolean"},"none":{"type":"null"},"some":{"type":["null","string"]},
				"lines":{"type":"array","items":{"properties":{"n":{"type":"integer"}}}},"bare":{"type":"array"},"what":{}}}`,
			`{"id":"string","at":"2026-01-02T03:04:05Z","n":1,"least":2.5,"paid":true,"none":null,"some":"string","lines":[{"n":1}],"bare":[],"what":null}`,
		},
		"what is given": {
			`{"properties":{"a":{"default":1},"b":{"example":{"x":1}},"c":{"enum":["one","two"]},"d":{"const":[1]},"e":{"examples":["first","second"]}}}`,
			`{"a":1,"b":{"x":1},"c":"one","d":[1],"e":"first"}`,
		},
		"the whole is given": {`{"type":"object","example":{"a":1}}`, `{"a":1}`},
		"parts and choices":  {`{"allOf":[{"properties":{"a":{"type":"integer"}}},{"$ref":"#/$defs/b~1c"}],"$defs":{"b/c":{"properties":{"b":{"anyOf":[{"const":1},{}]}}}}}`, `{"a":1,"b":1}`},
		"no object":          {`{"type":"string"}`, `{"type":"no.object","data":"string"}`},
		"anything":           {`true`, `{"type":"anything","data":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eventType := strings.ReplaceAll(name, " ", ".")
			w.must(t, 201, "POST", "/event-type", `{"name":"`+eventType+`","description":"","schemas":{"1":`+test.schema+`}}`)
			a := w.must(t, 200, "POST", "/app/a/endpoint/one/send-example", `{"eventType":"`+eventType+`"}`)
			var want any
			require.NoError(t, json.Unmarshal([]byte(test.want), &want))
			require.Equal(t, want, a.body["payload"])
		})
	}
}

// TestExampleIsBounded has schemas whose examples would be endless.
func TestExampleIsBounded(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	w.endpoint(t, "a", `{"url":"https://one.example/","uid":"one"}`)
	members := func(value string) string {
		list := make([]string, 200)
		for i := range list {
			list[i] = `"m` + strings.Repeat("x", i) + `":` + value
		}
		return `{` + strings.Join(list, ",") + `}`
	}
	for name, schema := range map[string]string{
		"itself":  `{"properties":{"again":{"$ref":"#"}}}`,
		"loop":    `{"$ref":"#"}`,
		"wide":    `{"properties":` + members(`{"$ref":"#"}`) + `}`,
		"literal": `{"properties":` + members(`{"$ref":"#/$defs/long"}`) + `,"$defs":{"long":{"default":"` + strings.Repeat("x", 10_000) + `"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.must(t, 201, "POST", "/event-type", `{"name":"`+name+`","description":"","schemas":{"1":`+schema+`}}`)
			a := w.must(t, 200, "POST", "/app/a/endpoint/one/send-example", `{"eventType":"`+name+`"}`)
			require.Less(t, len(a.text), 100_000)
		})
	}
}
