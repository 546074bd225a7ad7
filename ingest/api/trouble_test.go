package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/api/openapi/openapitest"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// trouble is a world for tests that walk over all operations of the document.
type trouble struct {
	*world

	database   string
	operations []openapitest.Operation
	places     map[string]string // parameters of paths, with what is there
}

func startTrouble(t *testing.T, options ...func(*api.Config)) *trouble {
	t.Helper()
	operations, err := openapitest.Operations()
	require.NoError(t, err)
	database := testkit.Database(t)
	options = append(options, func(c *api.Config) { c.Secret = secret.New(strings.Repeat("s", 32)) })
	w := startOn(t, testkit.Open(t, database), options...)
	app := w.app(t, `{"name":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://example.com/"}`)
	message := w.message(t, app, `{"eventType":"invoice.paid","payload":{}}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"invoice.paid","description":""}`)
	task := w.must(t, 202, "POST", "/app/"+app+"/endpoint/"+endpoint+"/recover", `{"since":"2999-01-01T00:00:00Z"}`).id(t)
	attempt := store.Attempt{
		ID: event.NewID(), Tenant: parse(t, event.Tenant, app), Endpoint: parse(t, event.Endpoint, endpoint), Event: parse(t, event.Message, message),
		Outcome: store.OutcomeSuccess, StatusCode: 200, Response: []byte{},
	}
	require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{attempt}))
	return &trouble{w, database, operations, map[string]string{
		"app_id": app, "endpoint_id": endpoint, "msg_id": message, "attempt_id": event.Attempt.Format(attempt.ID),
		"task_id": task, "name": "invoice.paid", "sink_id": "ledger", "consumer_id": "one", "key_id": w.must(t, 201, "POST", "/api-key", `{"name":"k","scopes":["admin"]}`).id(t),
	}}
}

// path fills in the parameters of an operation's path, but one, if that is named,
// with another value.
func (w *trouble) path(t *testing.T, o *openapitest.Operation, but, value string) string {
	t.Helper()
	parts := strings.Split(o.Path, "/")
	for i, part := range parts {
		name := strings.Trim(part, "{}")
		if name == part {
			continue
		}
		there, ok := w.places[name]
		require.True(t, ok, "say what is at {%s}", name)
		if parts[i] = there; name == but {
			parts[i] = value
		}
	}
	return strings.Join(parts, "/")
}

// stored is a digest of all tables.
func (w *trouble) stored(t *testing.T) string {
	t.Helper()
	return testkit.Value[string](t, w.database, contents)
}

// refused wants an answer that refuses the request, in a documented shape.
func (a answer) refused(t *testing.T, what string) {
	t.Helper()
	require.True(t, a.status >= 400 && a.status < 500, "%s: %d %s", what, a.status, a.text)
}

// TestTroubleWithBodies sends every kind of bad body to every operation that
// reads one. What the document forbids is refused and changes nothing; what it
// allows may do as it says, but not fail.
func TestTroubleWithBodies(t *testing.T) { //nolint:tparallel // what is stored is looked at when all are done
	t.Parallel()
	w := startTrouble(t)
	before := w.stored(t)
	var allowed []func(*testing.T)
	for _, o := range w.operations {
		if o.Schema == nil {
			continue
		}
		t.Run(o.Method+" "+o.Path, func(t *testing.T) {
			path := w.path(t, &o, "", "")
			for _, body := range malformed(string(o.Example)) {
				a := w.send(t, o.Method, path, body)
				a.requireInvalid(t, "body")
				require.Contains(t, a.text, "value_error.jsondecode", body)
			}
			for _, s := range o.Spoil() {
				what := o.Method + " " + o.Path + ": " + s.Name
				if !s.Forbidden {
					allowed = append(allowed, func(t *testing.T) {
						t.Helper()
						require.Less(t, w.send(t, o.Method, path, string(s.Body)).status, 500, what)
					})
					continue
				}
				a := w.send(t, o.Method, path, string(s.Body))
				a.refused(t, what)
				if a.status == http.StatusUnprocessableEntity {
					require.Contains(t, a.text, `"`+s.Member+`"`, "%s: it is told where", what)
				}
			}
		})
	}
	require.Equal(t, before, w.stored(t), "what is refused changes nothing")
	require.NotEmpty(t, allowed)
	for _, send := range allowed {
		send(t)
	}
}

// malformed are bodies that are no JSON object, made of one that is.
func malformed(good string) []string {
	return []string{
		`null`, `true`, `0`, `"text"`, `[]`, `[{}]`, `{`, `}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `{"a":01}`,
		good + "x", good + good, "[" + good + "]", "\xef\xbb\xbf" + good, "\x00", `{"name":"` + "\xff" + `"}`,
		`{"unknown":1,"unknown":2}`, `{"unknown":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		`{"unknown":` + strings.Repeat(`[`, 100_000), `{"unknown":"` + "\n" + `"}`, `{"\ud800":1`,
	}
}

// TestTroubleWithQueries sends bad values for every parameter of every query.
func TestTroubleWithQueries(t *testing.T) {
	t.Parallel()
	w := startTrouble(t)
	before := w.stored(t)
	for _, o := range w.operations {
		path := w.path(t, &o, "", "")
		for _, p := range o.Parameters {
			for value, escaped := range map[string]string{
				"x": "x", "a b": "a%20b", "\x00": "%00", "\xff": "%ff", "-1": "-1", "1e3": "1e3", "true": "true",
				"99999999999999999999": "99999999999999999999", strings.Repeat("x", 300): strings.Repeat("x", 300),
			} {
				if p.Deprecated || p.Accepts(value) == nil {
					continue
				}
				what := o.Method + " " + path + "?" + p.Name + "=" + escaped
				w.send(t, o.Method, path+"?"+p.Name+"="+escaped, string(o.Example)).refused(t, what)
			}
			w.send(t, o.Method, path+"?"+p.Name+"=%zz", string(o.Example)).refused(t, o.Path+" "+p.Name)
		}
	}
	require.Equal(t, before, w.stored(t))
}

// TestTroubleWithPaths asks every operation for what cannot be there.
func TestTroubleWithPaths(t *testing.T) {
	t.Parallel()
	w := startTrouble(t)
	before := w.stored(t)
	for _, o := range w.operations {
		for name := range w.places {
			if !strings.Contains(o.Path, "{"+name+"}") {
				continue
			}
			for _, value := range []string{"a%20b", "%00", "%ff", "a%2Fb", "%2e%2e", strings.Repeat("x", 300), "app_1", "ep_1", "msg_1"} {
				if o.Method == http.MethodPut && strings.HasSuffix(o.Path, "{"+name+"}") {
					continue // creates what is not there, whatever it is called
				}
				if (name == "sink_id" || name == "consumer_id") && (strings.HasSuffix(value, "_1") || value == "%2e%2e") {
					continue // names of the caller's own choice
				}
				w.send(t, o.Method, w.path(t, &o, name, value), string(o.Example)).refused(t, o.Method+" "+o.Path+" "+value)
			}
		}
	}
	require.Equal(t, before, w.stored(t))
}

// endless is a body that never ends, and counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, bytes.Repeat([]byte(" "), min(len(p), 4096)))
	e.read += n
	return n, nil
}

// TestEndlessBodies: what is too large is refused long before its end.
func TestEndlessBodies(t *testing.T) {
	t.Parallel()
	w := startTrouble(t, func(c *api.Config) { c.MaxBody = 10_000 })
	for _, o := range w.operations {
		if o.Schema == nil {
			continue
		}
		for _, header := range []string{"", "a"} {
			body := &endless{}
			request, err := http.NewRequestWithContext(t.Context(), o.Method, w.url+"/api/v1"+w.path(t, &o, "", ""), body)
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+token)
			if header != "" {
				request.Header.Set("Idempotency-Key", header)
			}
			response, err := http.DefaultTransport.RoundTrip(request)
			require.NoError(t, err)
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			require.NoError(t, err)
			require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode, "%s %s: %s", o.Method, o.Path, text)
			require.Contains(t, string(text), "payload_too_large")
		}
	}
}
