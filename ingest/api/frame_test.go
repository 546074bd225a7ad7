package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// TestAuthorization: who may call.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, test := range []struct {
		name, header string
		status       int
	}{
		{"the token", "Bearer " + token, http.StatusOK},
		{"any case of the scheme", "bearer " + token, http.StatusOK},
		{"with an environment", "Bearer " + token + "|prod", http.StatusOK},
		{"nothing", "", http.StatusUnauthorized},
		{"no token", "Bearer ", http.StatusUnauthorized},
		{"only an environment", "Bearer |" + token, http.StatusUnauthorized},
		{"another token", "Bearer " + token + "x", http.StatusUnauthorized},
		{"the beginning of the token", "Bearer " + token[:5], http.StatusUnauthorized},
		{"another scheme", "Basic " + token, http.StatusUnauthorized},
		{"no scheme", token, http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := w.send(t, "GET", "/app", "", "Authorization:"+test.header)
			require.Equal(t, test.status, a.status)
			if test.status != http.StatusOK {
				require.JSONEq(t, `{"code":"authentication_failed","detail":"Invalid token"}`, a.text)
			}
		})
	}
	t.Run("no token is set", func(t *testing.T) {
		t.Parallel()
		locked := startOn(t, w.store, func(c *api.Config) { c.Token = secret.String{} })
		for _, header := range []string{"", "Bearer ", "Bearer |"} {
			require.Equal(t, http.StatusUnauthorized, locked.send(t, "GET", "/app", "", "Authorization:"+header).status)
		}
	})
	t.Run("nothing is done", func(t *testing.T) {
		t.Parallel()
		w.must(t, http.StatusUnauthorized, "POST", "/app", `{"name":"a","uid":"intruder"}`, "Authorization:Bearer no")
		w.must(t, http.StatusNotFound, "GET", "/app/intruder", "")
	})
}

// TestRouting: what leads somewhere, and that nothing is answered in another
// shape.
func TestRouting(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/app", 200},
		{"GET", "/app/", 200},
		{"GET", "/app/a", 200},
		{"GET", "/app/a/", 200},
		{"GET", "/app//", 404},
		{"GET", "/app/a//endpoint", 404},
		{"GET", "/app/../app", 404},
		{"GET", "/app/%2e%2e/app", 404},
		{"GET", "/app/a%00", 404},
		{"GET", "/app/a%ff", 404},
		{"GET", "/app/a%2Fb", 404},
		{"GET", "/app/" + strings.Repeat("a", 300), 404},
		{"GET", "", 404},
		{"GET", "/", 404},
		{"GET", "/nothing", 404},
		{"GET", "/app/a/stats", 404},
		{"GET", "/app/a/endpoint/b/stats", 404},
		{"PUT", "/app", 405},
		{"OPTIONS", "/app", 405},
		{"TRACE", "/app", 405},
		{"BREW", "/app", 405},
		{"get", "/app", 405},
		{"POST", "/openapi.json", 405},
		{"TRACE", "/nothing", 404},
		{"BREW", "/nothing", 404},
		{"POST", "/app/a//msg", 404},
		{"GET", "/app%2Fa", 404},
		{"GET", "/app/a/./endpoint", 404},
		{"GET", "/app/a%2F", 404},
		{"GET", "//app", 404},
		{"GET", "/app/%5c..%5ca", 404},
		{"DELETE", "/app/a/msg", 405},
		{"GET", "/app/a/endpoint/b/secret/rotate", 405},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			a := w.send(t, test.method, test.path, "")
			switch require.Equal(t, test.status, a.status, a.text); test.status {
			case 404:
				a.requireCode(t, 404, "not_found")
			case 405:
				a.requireCode(t, 405, "method_not_allowed")
				require.NotEmpty(t, a.header.Get("Allow"))
			}
		})
	}
}

// TestTooLarge: a body beyond the limit, announced or not, changes nothing.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *api.Config) { c.MaxBody = 1000 })
	app := w.app(t, `{"name":"a"}`)
	filler := strings.Repeat("x", 1000)
	w.send(t, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{"x":"`+filler+`"}}`).
		requireCode(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	w.send(t, "POST", "/app", `{"name":"`+filler+`"}`).requireCode(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	require.Empty(t, w.must(t, 200, "GET", "/app/"+app+"/msg", "").data(t, "id"))
}

// TestFaults: what is not the client's doing.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := start(t).store
	for _, test := range []struct {
		name   string
		err    error
		status int
		logged bool
	}{
		{"overloaded", fmt.Errorf("accept: %w", api.ErrOverloaded), http.StatusServiceUnavailable, false},
		{"too slow", fmt.Errorf("accept: %w", context.DeadlineExceeded), http.StatusServiceUnavailable, true},
		{"a fault of ours", errors.New("nobody thought of it"), http.StatusInternalServerError, true},
		{"panic", nil, http.StatusInternalServerError, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			w := startOn(t, s, func(c *api.Config) {
				c.Log = zerolog.New(&log)
				c.Acceptor = acceptorFunc(func(context.Context, *store.NewEvent) (store.Refusal, error) {
					if test.err == nil {
						panic("oh")
					}
					return 0, test.err
				})
			})
			app := w.app(t, `{"name":"a"}`)
			a := w.must(t, test.status, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{}}`)
			if test.status == http.StatusServiceUnavailable {
				a.requireCode(t, test.status, "unavailable")
				require.Equal(t, "1", a.header.Get("Retry-After"))
			} else {
				require.JSONEq(t, `{}`, a.text)
			}
			require.Equal(t, test.logged, log.Len() > 0, log.String())
			require.LessOrEqual(t, strings.Count(log.String(), "\n"), 1)
		})
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	down := errors.New("away")
	for _, test := range []struct {
		name            string
		health          api.Health
		status          int
		database, queue string
	}{
		{"well", api.Health{}, 200, "ok", "ok"},
		{"without the queue events are still accepted", api.Health{Queue: down}, 200, "ok", "error"},
		{"without the database nothing is", api.Health{Database: down}, 500, "error", "ok"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := startOn(t, nil, func(c *api.Config) {
				c.Health = func(context.Context) api.Health { return test.health }
			})
			a := w.must(t, test.status, "GET", "/health", "", "Authorization:")
			require.Equal(t, map[string]any{"status": test.database}, a.body["database"])
			require.Equal(t, map[string]any{"status": test.queue}, a.body["queue"])
			require.Equal(t, map[string]any{"status": "ok"}, a.body["cache"])
			require.Empty(t, w.must(t, test.status, "HEAD", "/health", "", "Authorization:").text)
			require.Empty(t, w.must(t, 204, "GET", "/health/ping/", "", "Authorization:").text)
			require.Empty(t, w.must(t, 204, "HEAD", "/health/ping", "", "Authorization:").text)
		})
	}
	t.Run("of the store", func(t *testing.T) {
		t.Parallel()
		start(t).must(t, 200, "GET", "/health", "")
	})
}
