package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func batch(items ...string) string { return `{"messages":[` + strings.Join(items, ",") + `]}` }

// TestBatch gives every item of a batch the result that it has alone.
func TestBatch(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *api.Config) { c.MaxBody = 2000 })
	app := w.app(t, `{"name":"a","uid":"a"}`)
	w.message(t, "a", `{"eventType":"a","payload":{},"eventId":"taken"}`)
	items := []string{
		`{"eventType":"a","payload":{"n": 0},"tags":["x"]}`,
		`{"eventType":"a b","payload":1}`,
		`{"eventType":"a","payload":{},"eventId":"taken"}`,
		`7`,
		`{"eventType":"a","payload":{},"eventId":"new"}`,
		`{"eventType":"a","eventType":"a","payload":{}}`,
		`{"eventType":"a","payload":{"long":"` + strings.Repeat("x", 2000) + `"}}`,
		`{"eventType":"a","payload":{},"eventId":"new"}`,
	}
	const key = "Idempotency-Key:k"
	a := w.must(t, 200, "POST", "/app/a/msg/batch", batch(items...), key)
	require.Equal(t, []any{202.0, 422.0, 409.0, 422.0, 202.0, 422.0, 413.0, 409.0}, a.data(t, "status"))
	for i, result := range a.body["data"].([]any) {
		result := result.(map[string]any)
		if result["status"] == 202.0 {
			shown := result["message"].(map[string]any)
			require.Equal(t, shown, w.must(t, 200, "GET", "/app/a/msg/"+shown["id"].(string), "").body)
			require.NotContains(t, result, "error")
			continue
		}
		alone := w.send(t, "POST", "/app/a/msg", items[i])
		require.Equal(t, alone.body, result["error"], items[i])
		require.EqualValues(t, alone.status, result["status"])
	}
	first := a.body["data"].([]any)[0].(map[string]any)["message"].(map[string]any)
	payload, err := w.store.Payload(t.Context(), parse(t, event.Tenant, app), parse(t, event.Message, first["id"].(string)))
	require.NoError(t, err)
	require.Equal(t, `{"n": 0}`, string(payload), "byte for byte")

	require.Equal(t, a.body, w.must(t, 200, "POST", "/app/a/msg/batch", batch(items...), key).body, "again, and the same results")
	items[0] = `{"eventType":"a","payload":{"n":1}}`
	other := w.must(t, 200, "POST", "/app/a/msg/batch", batch(items...), key)
	require.EqualValues(t, 409, other.data(t, "status")[0])
	require.EqualValues(t, 202, other.data(t, "status")[4])
	require.Equal(t, map[string]any{}, w.must(t, 200, "POST", "/app/a/msg/batch?with_content=false", batch(items[0])).body["data"].([]any)[0].(map[string]any)["message"].(map[string]any)["payload"])

	w.send(t, "POST", "/app/a/msg/batch", batch(items...)+"x").requireInvalid(t, "body")
	w.send(t, "POST", "/app/nobody/msg/batch", batch(items[0], items[4])).requireCode(t, 404, "not_found")
	a = w.must(t, 200, "POST", "/app/new/msg/batch", batch(items[0], `{"eventType":"a","payload":{},"application":{"name":"New","uid":"new"}}`, items[0]))
	require.Equal(t, []any{404.0, 202.0, 202.0}, a.data(t, "status"), "from the one on that brings it along")
}

// TestBatchLimits: it has limits of its own, and what cannot be taken as a whole
// is not taken in part.
func TestBatchLimits(t *testing.T) {
	t.Parallel()
	full := false
	w := start(t, func(c *api.Config) {
		c.MaxBody, c.MaxBatch, c.Timeout = 1000, 1<<20, time.Minute // a thousand commits take their time
		acceptor := c.Acceptor
		c.Acceptor = acceptorFunc(func(ctx context.Context, e *store.NewEvent) (store.Refusal, error) {
			if full {
				return 0, api.ErrOverloaded
			}
			verdicts, err := acceptor.Accept(ctx, e)
			if err != nil {
				return 0, err
			}
			return verdicts[0].Refusal, nil
		})
	})
	w.app(t, `{"name":"a","uid":"a"}`)
	items := make([]string, 1000)
	for i := range items {
		items[i] = fmt.Sprintf(`{"eventType":"a","payload":{"n":%d}}`, i)
	}
	a := w.must(t, 200, "POST", "/app/a/msg/batch?with_content=true", batch(items...))
	for i, result := range a.body["data"].([]any) {
		require.Equal(t, map[string]any{"n": float64(i)}, result.(map[string]any)["message"].(map[string]any)["payload"], "in order")
	}
	w.send(t, "POST", "/app/a/msg/batch", batch(slices.Concat(items, items[:1])...)).requireInvalid(t, "body.messages")
	w.send(t, "POST", "/app/a/msg/batch", `{"messages":[`+strings.Repeat(" ", 1<<20)+`]}`).requireCode(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	full = true
	w.send(t, "POST", "/app/a/msg/batch", batch(items...)).requireCode(t, http.StatusServiceUnavailable, "unavailable")
	var list struct{ Data []json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(w.must(t, 200, "GET", "/app/a/msg?limit=250", "").text), &list))
	require.Len(t, list.Data, 250)
}
