package api_test

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// wire is a connection to the database that can be cut, or stopped while it
// stays open.
type wire struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	stopped bool
	ends    []net.Conn
	done    sync.WaitGroup
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: listener, target: target}
	w.done.Go(w.serve)
	t.Cleanup(func() {
		w.cut()
		w.done.Wait()
	})
	return w
}

func (w *wire) serve() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil {
			near.Close()
			return
		}
		w.mu.Lock()
		w.ends = append(w.ends, near, far)
		w.mu.Unlock()
		w.done.Go(func() { w.pass(far, near) })
		w.done.Go(func() { w.pass(near, far) })
	}
}

func (w *wire) pass(to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			to.Close()
			return
		}
		w.mu.Lock()
		stopped := w.stopped
		w.mu.Unlock()
		if stopped {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// stop lets nothing pass any more.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
}

// cut breaks all connections and lets no new ones be made.
func (w *wire) cut() {
	w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, end := range w.ends {
		end.Close()
	}
}

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
	for name, trouble := range map[string]func(*wire){"cut": (*wire).cut, "silent": (*wire).stop} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, err := url.Parse(testkit.Database(t))
			require.NoError(t, err)
			wire := newWire(t, database.Host)
			database.Host = wire.listener.Addr().String()
			s, err := store.Open(t.Context(), database.String(), 4)
			require.NoError(t, err)
			t.Cleanup(s.Close)
			t.Cleanup(wire.cut) // or the pool would wait long for what is silent
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
