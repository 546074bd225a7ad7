package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// contents is a digest of all that is stored, but for the answers to keys.
const contents = `SELECT md5(string_agg(query_to_xml('SELECT * FROM ' || quote_ident(relname) || ' t ORDER BY t::text', true, false, '')::text, '' ORDER BY relname))
	FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'request_keys'`

// TestRepeatedPosts sends every kind of POST twice with one idempotency key: all
// but those that create messages, which have tests of their own.
func TestRepeatedPosts(t *testing.T) { //nolint:tparallel // they look at all that is stored
	t.Parallel()
	url := testkit.Database(t)
	w := startOn(t, testkit.Open(t, url))
	app := w.app(t, `{"name":"a","uid":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://example.com/"}`)
	message := w.message(t, app, `{"eventType":"a","payload":{}}`)
	require.NoError(t, w.store.RecordDeadLetters(t.Context(), []store.DeadLetter{{
		Tenant: parse(t, event.Tenant, app), Endpoint: parse(t, event.Endpoint, endpoint), Event: parse(t, event.Message, message), Reason: "timeout",
	}}))
	require.NoError(t, w.store.OpenBreaker(t.Context(), parse(t, event.Tenant, app), parse(t, event.Endpoint, endpoint), time.Now(), time.Now()))
	operational := w.must(t, 201, "POST", "/operational-webhook/endpoint", `{"url":"https://example.com/"}`).id(t)
	spare := w.message(t, app, `{"eventType":"a","payload":{}}`)
	task := w.must(t, 202, "POST", "/app/a/endpoint/"+endpoint+"/recover", `{"since":"2999-01-01T00:00:00Z"}`).id(t)
	other := w.must(t, 202, "POST", "/app/a/endpoint/"+endpoint+"/recover", `{"since":"2999-01-01T00:00:00Z"}`).id(t)
	place := strings.NewReplacer("/app/{app_id}/background-task/{task_id}", "/app/a/background-task/"+other, "/operational-webhook/endpoint/{endpoint_id}", "/operational-webhook/endpoint/"+operational, "{app_id}", app, "{endpoint_id}", endpoint, "{msg_id}", message, "{task_id}", task,
		"{sink_id}", "s", "{consumer_id}", "c")

	bodies := map[string]string{ // of requests that change something
		"/app":                       `{"name":"new"}`,
		"/app/{app_id}/endpoint":     `{"url":"https://example.com/new"}`,
		"/event-type":                `{"name":"new","description":"d"}`,
		"/event-type/import/openapi": `{"spec":{"openapi":"3.1.0","webhooks":{"imported":{}}}}`,
		"/app/{app_id}/endpoint/{endpoint_id}/secret/rotate":         ``,
		"/app/{app_id}/endpoint/{endpoint_id}/recover":               `{"since":"2999-01-01T00:00:00Z"}`,
		"/app/{app_id}/endpoint/{endpoint_id}/pause":                 ``,
		"/app/{app_id}/endpoint/{endpoint_id}/resume":                ``,
		"/app/{app_id}/endpoint/{endpoint_id}/circuit/reset":         ``,
		"/app/{app_id}/endpoint/{endpoint_id}/verify":                ``,
		"/operational-webhook/endpoint/{endpoint_id}/verify":         ``,
		"/app/{app_id}/pause":                                        ``,
		"/app/{app_id}/resume":                                       ``,
		"/app/{app_id}/endpoint/{endpoint_id}/replay-missing":        `{"since":"2999-01-01T00:00:00Z"}`,
		"/app/{app_id}/endpoint/{endpoint_id}/bulk-replay":           `{"since":"2999-01-01T00:00:00Z"}`,
		"/app/{app_id}/dlq/redrive":                                  ``,
		"/app/{app_id}/dlq/purge":                                    `{"all":true}`,
		"/app/{app_id}/endpoint/{endpoint_id}/dlq/purge":             `{"all":true}`,
		"/app/{app_id}/msg/bulk-expunge":                             `{"ids":["` + spare + `"]}`,
		"/app/{app_id}/msg/expunge-all-contents":                     ``,
		"/admin/redrive-dlq":                                         ``,
		"/admin/dlq/redrive":                                         `{"all":true}`,
		"/background-task/{task_id}/cancel":                          ``,
		"/app/{app_id}/background-task/{task_id}/cancel":             ``,
		"/app/{app_id}/endpoint/{endpoint_id}/dlq/redrive":           ``,
		"/app/{app_id}/endpoint/{endpoint_id}/dlq/{msg_id}/redrive":  ``,
		"/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend":   ``,
		"/auth/app/{app_id}/expire-all":                              ``,
		"/app/{app_id}/poller/{sink_id}/consumer/{consumer_id}/seek": `{"after":"2020-01-01T00:00:00Z"}`,
		"/operational-webhook/endpoint":                              `{"url":"https://example.com/other"}`,
		"/operational-webhook/endpoint/{endpoint_id}/secret/rotate":  ``,
	}
	for _, path := range api.KeptRoutes() {
		if path == "/api-key" {
			continue // whose answer is shown once: see TestAPIKeyIsMadeOnce
		}
		t.Run(path, func(t *testing.T) {
			body, ok := bodies[path]
			require.True(t, ok, "say what a POST to it looks like")
			at := place.Replace(path)
			before := testkit.Value[string](t, url, contents)
			first := w.send(t, "POST", at, body, "Idempotency-Key: k")
			require.Less(t, first.status, 300, first.text)
			after := testkit.Value[string](t, url, contents)
			require.NotEqual(t, before, after, "it does something")

			again := w.send(t, "POST", at+"/", body, "Idempotency-Key: k")
			require.Equal(t, first.status, again.status, again.text)
			require.Equal(t, first.text, again.text)
			require.Equal(t, first.header.Values("Content-Type"), again.header.Values("Content-Type"))
			for _, other := range []struct{ query, body string }{{"", body + " "}, {"?a=b", body}} {
				w.send(t, "POST", at+other.query, other.body, "Idempotency-Key: k").requireCode(t, http.StatusConflict, "conflict")
			}
			w.send(t, "POST", at, body, "Idempotency-Key: ").requireInvalid(t, "header.idempotency-key")
			require.Equal(t, after, testkit.Value[string](t, url, contents), "once is enough")
		})
	}
}

// TestKeysAreOfOneApplication uses a key at two applications and for two things.
func TestKeysAreOfOneApplication(t *testing.T) {
	t.Parallel()
	w := start(t)
	const key, body = "Idempotency-Key: k", `{"url":"https://example.com/"}`
	seen := make(map[string]bool)
	for _, uid := range []string{"a", "b"} {
		w.must(t, 201, "POST", "/app", `{"name":"a","uid":"`+uid+`"}`, "Idempotency-Key: "+uid)
		seen[w.must(t, 201, "POST", "/app/"+uid+"/endpoint", body, key).id(t)] = true
	}
	seen[w.must(t, 201, "POST", "/app/a/endpoint", body, "Idempotency-Key: other").id(t)] = true
	w.must(t, 201, "POST", "/event-type", `{"name":"a","description":""}`, key)
	require.Len(t, seen, 3)
}

// TestKeyOfRefusedRequest: what was refused has not used its key.
func TestKeyOfRefusedRequest(t *testing.T) {
	t.Parallel()
	w := start(t)
	const key, body = "Idempotency-Key: k", `{"name":"a","uid":"a"}`
	w.send(t, "POST", "/app", `{}`, key).requireInvalid(t, "body.name")
	there := w.app(t, body)
	w.send(t, "POST", "/app", body, key).requireCode(t, http.StatusConflict, "conflict")
	got := w.must(t, http.StatusOK, "POST", "/app?get_if_exists=true", body, "Idempotency-Key: get")
	require.Equal(t, there, got.id(t), "goes on after it ran into what is there")
	w.must(t, 204, "DELETE", "/app/a", "")
	created := w.must(t, 201, "POST", "/app", body, key).id(t)
	require.NotEqual(t, there, created)
	require.Equal(t, created, w.must(t, 201, "POST", "/app", body, key).id(t))
	got = w.must(t, http.StatusOK, "POST", "/app?get_if_exists=true", body, "Idempotency-Key: get")
	require.Equal(t, there, got.id(t), "the first answer, although it is another's now")
}

// held is a POST that is under way: it waits for a lock that the test holds.
type held struct {
	*world
	url    string
	lock   pgx.Tx
	answer <-chan answer
}

const heldKey, heldBody = "Idempotency-Key: k", `{"url":"https://example.com/"}`

func hold(t *testing.T) *held {
	t.Helper()
	h := &held{url: testkit.Database(t)}
	h.world = startOn(t, testkit.Open(t, h.url))
	h.app(t, `{"name":"a","uid":"a"}`)
	var err error
	h.lock, err = testkit.SQL(t, h.url).Begin(t.Context())
	require.NoError(t, err)
	_, err = h.lock.Exec(t.Context(), `SELECT FROM tenants FOR UPDATE`)
	require.NoError(t, err)
	h.answer = h.post(t)
	h.waiting(t, "transactionid")
	return h
}

// post sends the request without waiting for its answer.
func (h *held) post(t *testing.T) <-chan answer {
	t.Helper()
	got := make(chan answer, 1)
	go func() {
		defer close(got)
		got <- h.send(t, "POST", "/app/a/endpoint", heldBody, heldKey) //nolint:testifylint // whoever waits for it gets none
	}()
	return got
}

// waiting waits until somebody waits for a lock of that kind.
func (h *held) waiting(t *testing.T, kind string) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		return testkit.Value[bool](t, h.url, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1)`, kind)
	}, "nobody waits for a "+kind)
}

func (h *held) release(t *testing.T) {
	t.Helper()
	require.NoError(t, h.lock.Rollback(t.Context()))
}

// TestConcurrentPosts: the second request waits for the first, and gets its
// answer.
func TestConcurrentPosts(t *testing.T) {
	t.Parallel()
	h := hold(t)
	second := h.post(t)
	h.waiting(t, "advisory")
	h.release(t)
	first := <-h.answer
	require.Equal(t, http.StatusCreated, first.status, first.text)
	require.Equal(t, first.text, (<-second).text)
	require.Len(t, h.must(t, 200, "GET", "/app/a/endpoint", "").data(t, "id"), 1)
}

// TestWaitForFirstIsBounded: whoever has waited long enough is told to come back.
func TestWaitForFirstIsBounded(t *testing.T) {
	t.Parallel()
	h := hold(t)
	hasty := startOn(t, h.store, func(c *api.Config) { c.Timeout = time.Second })
	second := hasty.must(t, http.StatusServiceUnavailable, "POST", "/app/a/endpoint", heldBody, heldKey)
	require.Equal(t, "1", second.header.Get("Retry-After"))
	require.Contains(t, second.text, "still under way")
	h.release(t)
	first := <-h.answer
	require.Equal(t, http.StatusCreated, first.status, first.text)
	require.Equal(t, first.text, hasty.must(t, 201, "POST", "/app/a/endpoint", heldBody, heldKey).text)
}

// TestDiedUnderWay: what ended before its commit can be done with the same key.
func TestDiedUnderWay(t *testing.T) {
	t.Parallel()
	h := hold(t)
	testkit.Value[bool](t, h.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	first := <-h.answer
	require.Equal(t, http.StatusServiceUnavailable, first.status, first.text)
	h.release(t)
	created := h.must(t, 201, "POST", "/app/a/endpoint", heldBody, heldKey).id(t)
	require.Equal(t, []any{created}, h.must(t, 200, "GET", "/app/a/endpoint", "").data(t, "id"))
}

// announcerFunc is an announcer that looks.
type announcerFunc func(context.Context, store.Task)

func (f announcerFunc) Announce(ctx context.Context, t store.Task) { f(ctx, t) }

func (announcerFunc) Publish(store.Batch) {}

// TestAnnouncedAfterCommit: whoever is told of a task finds it, and is told once.
func TestAnnouncedAfterCommit(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	var told []event.ID
	w := startOn(t, s, func(c *api.Config) {
		c.Announcer = announcerFunc(func(ctx context.Context, task store.Task) {
			if found, err := s.Task(ctx, task.ID); err == nil {
				told = append(told, found.ID)
			}
		})
	})
	path := "/app/a/endpoint/" + w.endpoint(t, w.app(t, `{"name":"a","uid":"a"}`), heldBody) + "/recover"
	const body = `{"since":"2999-01-01T00:00:00Z"}`
	kept := w.must(t, 202, "POST", path, body, heldKey).id(t)
	require.Equal(t, kept, w.must(t, 202, "POST", path, body, heldKey).id(t))
	plain := w.must(t, 202, "POST", path, body).id(t)
	require.Equal(t, []event.ID{parse(t, event.Task, kept), parse(t, event.Task, plain)}, told)
}
