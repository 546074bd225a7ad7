package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/testkit"
)

// writes are operations that read a body, with one that they accept.
func writes(app, endpoint string) []struct{ method, path, body string } {
	one := "/app/" + app + "/endpoint/" + endpoint
	return []struct{ method, path, body string }{
		{"POST", "/app", `{"name":"a"}`},
		{"PUT", "/app/" + app, `{"name":"a"}`},
		{"PATCH", "/app/" + app, `{}`},
		{"POST", "/app/" + app + "/endpoint", `{"url":"https://example.com"}`},
		{"PUT", one, `{"url":"https://example.com"}`},
		{"PATCH", one, `{}`},
		{"POST", one + "/secret/rotate", `{}`},
		{"PUT", one + "/headers", `{"headers":{}}`},
		{"PATCH", one + "/headers", `{"headers":{}}`},
		{"POST", one + "/recover", `{"since":"2999-01-01T00:00:00Z"}`},
		{"POST", "/event-type", `{"name":"new","description":""}`},
		{"PUT", "/event-type/there", `{"description":""}`},
		{"PATCH", "/event-type/there", `{}`},
		{"POST", "/app/" + app + "/msg", `{"eventType":"a","payload":{}}`},
		{"POST", "/app/" + app + "/msg/precheck/active", `{"eventType":"a"}`},
		{"POST", one + "/send-example", `{"eventType":"there"}`},
	}
}

// TestDatabaseAway: whatever cannot be done for want of the database is told to
// come back, and never accepted.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*testkit.Wire){"cut": (*testkit.Wire).Cut, "silent": func(w *testkit.Wire) { w.Freeze(true) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire := testkit.NewWire(t, testkit.Database(t))
			s := testkit.Open(t, wire.URL())
			t.Cleanup(func() { wire.Freeze(false); wire.Cut() }) // or the pool would wait long for what is silent
			well := startOn(t, s)
			app := well.app(t, `{"name":"a","uid":"a"}`)
			endpoint := well.endpoint(t, app, `{"url":"https://example.com/"}`)

			trouble(wire)
			w := startOn(t, s, func(c *api.Config) { c.Timeout = 100 * time.Millisecond })
			calls := writes(app, endpoint)
			calls = append(calls, struct{ method, path, body string }{"GET", "/app", ""},
				struct{ method, path, body string }{"POST", "/app/a/msg", `{"eventType":"a","payload":{}}`})
			for _, call := range calls {
				a := w.must(t, http.StatusServiceUnavailable, call.method, call.path, call.body)
				a.requireCode(t, http.StatusServiceUnavailable, "unavailable")
				require.NotEmpty(t, a.header.Get("Retry-After"))
			}
		})
	}
}
