package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// marks are what is looked for after a run: one for each thing that must not be seen
// where it is not needed.
var marks = map[string]string{
	"payload": "canary-payload-37b", "path": "canary-path-48c", "query": "canary-query-59d", "password": "canary-password-6ae",
	"header": "canary-header-7bf", "wrong token": "canary-wrong-9d1", "idempotency key": "canary-idempotent-ae2",
	"signing key": "Y2FuYXJ5LXNpZ25pbmcta2V5LWZvci10ZXN0cw==", "encryption key": "Y2FuYXJ5LWVuY3J5cHRpb24ta2V5LW9mLTMyLWJ5dGU=",
}

// canary is the whole stack at its most talkative, and what it said.
type canary struct {
	*stack.Stack
	*client

	portal string            // a token that was made
	asked  []string          // challenges
	said   map[string]string // by where
}

// TestCanary runs everything at debug level, through success, failure, retries, dead
// letters, tokens and errors, with marks in all that is secret, and looks for them in
// every log, all metrics, all spans, the answers to what was wrong, and the rows of
// attempts.
func TestCanary(t *testing.T) {
	t.Parallel()
	collector := newCollector(t)
	s := startStackOf(t, stack.Options{Env: []string{
		"POSTRIDER_LOG_LEVEL=debug", "POSTRIDER_RETRY_SCHEDULE=50ms,50ms", "POSTRIDER_BREAKER_AFTER=0",
		"POSTRIDER_SECRET_KEYS=a:" + marks["encryption key"],
		"POSTRIDER_OTLP_ENDPOINT=" + collector.URL, "POSTRIDER_TRACE_SAMPLE=1",
	}})
	c := &canary{Stack: s, client: system{s.URL, s.Token}.client(t), said: map[string]string{}}
	c.pipeline(t)
	c.errors(t)
	c.listen(t)
	m := c.post(t, "canary", map[string]any{"text": marks["payload"]})
	testkit.Eventually(t, func() bool {
		return slices.ContainsFunc(collector.of(m), func(s span) bool { return s.name == "process DLQ" })
	}, "the spans of all before have come")
	c.said["spans"] = collector.said(t)
	for where, text := range c.said {
		for what, mark := range marks {
			if (where == "rows of attempts" || where == "rows of endpoints") && (what == "path" || what == "query") {
				continue // the owner is shown where it went
			}
			require.NotContains(t, text, mark, "the %s in %s", what, where)
		}
		for _, secret := range append([]string{s.Token, c.portal, "canary-signing", "canary-encryption"}, c.asked...) {
			require.NotContains(t, text, secret, where)
		}
		if where != "answers to errors" { // which say what a key begins with
			require.NotContains(t, text, "whsec_", where)
		}
	}
}

// pipeline goes through everything that can become of an event.
func (c *canary) pipeline(t *testing.T) {
	t.Helper()
	var repaired atomic.Bool
	r := newReceiver(t, func(path string, n int) int {
		if strings.HasPrefix(path, "/dead") && !repaired.Load() || strings.HasPrefix(path, "/flaky") && n == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	host := r.Listener.Addr().String()
	secretURL := func(host, path string) string {
		return "http://user:" + marks["password"] + "@" + host + path + "/" + marks["path"] + "?token=" + marks["query"]
	}
	app := c.application(t, "canary",
		secretURL(host, "/works"), secretURL(host, "/flaky"), secretURL(host, "/dead"), secretURL(freeAddress(t), "/nobody"))
	for _, id := range app {
		endpoint := "/app/canary/endpoint/" + id
		c.must(t, http.StatusNoContent, http.MethodPut, endpoint+"/headers", map[string]any{"headers": map[string]string{"X-Mark": marks["header"]}})
		c.must(t, http.StatusNoContent, http.MethodPost, endpoint+"/secret/rotate", map[string]any{"key": "whsec_" + marks["signing key"]})
	}
	m := c.post(t, "canary", map[string]any{"text": marks["payload"]})
	testkit.Eventually(t, func() bool { return r.count("/works/"+marks["path"]) == 1 && r.count("/flaky/"+marks["path"]) == 2 }, "it arrives")
	dead := "/app/canary/endpoint/" + app[2]
	testkit.Eventually(t, func() bool { return lettersAt(t, c.client, dead) == 1 }, "it is dead at one")
	testkit.Eventually(t, func() bool { return lettersAt(t, c.client, "/app/canary/endpoint/"+app[3]) == 1 }, "and where nobody listens")
	for path, head := range map[string]string{"/works/": marks["header"], "/flaky/": marks["header"]} {
		require.Equal(t, head, r.at(path + marks["path"])[0].head.Get("X-Mark"))
		require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("user:"+marks["password"])), r.at(path + marks["path"])[0].head.Get("Authorization"))
	}
	repaired.Store(true)
	c.must(t, http.StatusAccepted, http.MethodPost, dead+"/dlq/redrive", map[string]any{})
	testkit.Eventually(t, func() bool { return lettersAt(t, c.client, dead) == 0 }, "redriven")
	portal := c.must(t, http.StatusOK, http.MethodPost, "/auth/app-portal-access/canary", map[string]any{})
	var ok bool
	c.portal, ok = portal["token"].(string)
	require.True(t, ok)
	member := *c.client
	member.token = c.portal
	member.must(t, http.StatusOK, http.MethodGet, "/app/canary/endpoint", nil)
	require.Len(t, c.attempts(t, "canary", m), 1+2+3+3+1)
	c.verification(t)
}

// verification has an endpoint answer as it should, and as it should not.
func (c *canary) verification(t *testing.T) {
	t.Helper()
	r := newCandidate(t)
	endpoint := "/app/canary/endpoint/" + c.must(t, http.StatusCreated, http.MethodPost, "/app/canary/endpoint",
		map[string]any{"url": r.URL, "secret": "whsec_" + marks["signing key"]})["id"].(string)
	state, _ := c.verify(t, endpoint)
	require.Equal(t, "failed", state)
	r.learn(t, "whsec_"+marks["signing key"])
	state, _ = c.verify(t, endpoint)
	require.Equal(t, "verified", state)
	_, c.asked = r.got()
	require.Len(t, c.asked, 2)
	for _, challenge := range c.asked {
		c.asked = append(c.asked, r.verifier.Answer(challenge))
	}
}

// errors is wrong in many ways.
func (c *canary) errors(t *testing.T) {
	t.Helper()
	var said bytes.Buffer
	for _, q := range []struct{ method, path, token, body string }{
		{"POST", "/app/canary/msg", marks["wrong token"], `{"eventType":"a","payload":{}}`},
		{"POST", "/app/canary/msg", "prk_" + marks["wrong token"], `{}`},
		{"POST", "/app/canary/msg", c.token, `{"eventType":"` + marks["payload"][:3] + `","payload":{"a":"` + marks["payload"] + `"`},
		{"POST", "/app/canary/msg", c.token, `{"eventType":7,"payload":"` + marks["payload"] + `"}`},
		{"POST", "/app/canary/endpoint", c.token, `{"url":"http://user:` + marks["password"] + `@10.0.0.1/` + marks["path"] + `?` + marks["query"] + `"}`},
		{"POST", "/app/canary/endpoint", c.token, `{"url":"http://user:` + marks["password"] + `@exa mple/"}`},
		{"POST", "/app/canary/endpoint", c.token, `{"url":"https://example.com/","headers":{"Host":"` + marks["header"] + `"}}`},
		{"POST", "/app/canary/endpoint", c.token, `{"url":"https://example.com/","secret":"` + marks["signing key"] + `"}`},
		{"POST", "/app/canary/endpoint", c.token, `{"url":"https://example.com/","secret":"whsec_` + marks["signing key"] + `!"}`},
		{"GET", "/app/canary/nothing?" + marks["query"], c.token, ``},
	} {
		request, err := http.NewRequestWithContext(t.Context(), q.method, c.url+"/api/v1"+q.path, strings.NewReader(q.body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+q.token)
		request.Header.Set("Idempotency-Key", marks["idempotency key"])
		response, err := c.http.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.GreaterOrEqual(t, response.StatusCode, 400, "%s %s: %s", q.method, q.body, text)
		said.Write(text)
	}
	c.said["answers to errors"] = said.String()
}

// listen collects the logs and the metrics of all processes.
func (c *canary) listen(t *testing.T) {
	t.Helper()
	for _, name := range c.Workers() {
		response, err := c.http.Get(c.AdminURL(name) + "/metrics")
		require.NoError(t, err)
		metrics, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Contains(t, string(metrics), "postrider_", name)
		c.said["metrics of "+name] = string(metrics)
	}
	for _, name := range append(c.Workers(), stack.NATS) {
		text, err := os.ReadFile(c.Log(name))
		require.NoError(t, err)
		c.said["log of "+name] = string(text)
	}
	for _, name := range stack.Stages() {
		require.Regexp(t, `"event":"msg_[^\n]*"trace":"[0-9a-f]{32}"`, c.said["log of "+name], "%s tells of events on their way", name)
	}
	database := testkit.SQL(t, c.DatabaseURL)
	for _, table := range []string{"attempts", "endpoints", "endpoint_secrets", "dead_letters", "tasks", "request_keys", "api_keys", "secret_keys", "revocations"} {
		var rows string
		require.NoError(t, database.QueryRow(t.Context(), `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`).Scan(&rows))
		c.said["rows of "+table] = rows
	}
	require.Contains(t, c.said["rows of attempts"], marks["path"])
}
