package api_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	tokens "github.com/postrider/postrider/shared/token"
)

const jwtSecret = "the secret of all tests"

// plausible is a body that most operations can read: those that do not know a
// member pass over it, which is not what the document says of it.
func plausible() string {
	return `{"name":"n","description":"d","url":"https://example.com/of-the-caller","eventType":"a","payload":{},"headers":{},` +
		`"scopes":["read"],"since":"` + time.Now().Add(-time.Hour).Format(time.RFC3339) + `"}`
}

// expand makes a path of a route. Each name in braces needs a value.
func expand(t *testing.T, path string, values map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`\{\w+\}`).ReplaceAllStringFunc(path, func(name string) string {
		value, known := values[strings.Trim(name, "{}")]
		require.True(t, known, "the test has no value for %s of %s", name, path)
		return value
	})
}

// strangers are ids of things that do not exist.
func strangers() map[string]string {
	id := event.NewID()
	return map[string]string{
		"app_id": event.Tenant.Format(id), "endpoint_id": event.Endpoint.Format(id), "msg_id": event.Message.Format(id),
		"attempt_id": event.Attempt.Format(id), "task_id": event.Task.Format(id), "name": "missing", "key_id": event.APIKey.Format(id),
		"sink_id": "sink", "consumer_id": "consumer",
	}
}

// sendAs is send with another token.
func (w *world) sendAs(t *testing.T, bearer, method, path, body string) answer {
	t.Helper()
	return w.send(t, method, path, body, "Authorization:Bearer "+bearer)
}

// member makes a token for the application.
func (w *world) member(t *testing.T, app, options string) string {
	t.Helper()
	return w.must(t, http.StatusOK, "POST", "/auth/app-portal-access/"+app, options).body["token"].(string)
}

// requireProblem wants one of the two shapes that errors have.
func (a answer) requireProblem(t *testing.T) {
	t.Helper()
	if a.status == http.StatusUnprocessableEntity {
		require.NotEmpty(t, a.body["detail"], a.text)
		return
	}
	require.NotEmpty(t, a.body["code"], a.text)
	require.NotEmpty(t, a.body["detail"], a.text)
	require.Len(t, a.body, 2, a.text)
}

func withSecret(c *api.Config) { c.Secret = secret.New(jwtSecret) }

// TestEveryRouteIsDecided fails for a route about which nobody has said who may
// call it. What members may call is below their application; the rest needs a
// reason.
func TestEveryRouteIsDecided(t *testing.T) {
	t.Parallel()
	for _, r := range api.Routes() {
		require.True(t, r.Decided, "%s %s", r.Method, r.Path)
		if r.Members && !r.Open && !strings.HasPrefix(r.Path, "/app/{app_id}") {
			require.Contains(t, []string{"/event-type", "/event-type/{name}", "/event-type/{name}/example", "/auth/logout"}, r.Path)
		}
	}
}

// TestWithoutToken: nothing that is not open does anything.
func TestWithoutToken(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	open := map[string]bool{}
	for _, r := range api.Routes() {
		path := expand(t, r.Path, strangers())
		methods := []string{r.Method}
		if r.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		for _, method := range methods {
			a := w.exchange(t, method, path, plausible(), "Authorization:")
			if r.Open {
				open[r.Path] = true
				require.Less(t, a.status, 300, path)
				continue
			}
			require.Equal(t, http.StatusUnauthorized, a.status, "%s %s", method, path)
			require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
			if method != http.MethodHead {
				a.requireCode(t, http.StatusUnauthorized, "authentication_failed")
			}
		}
	}
	for path := range open {
		require.Contains(t, []string{"/health", "/health/ping"}, path, "a new open route needs a reason")
	}
}

// TestMembersSeeTheirApplicationOnly sends every route with a token of another
// application and the ids of the first: in the place of its own application's,
// and below its own application.
func TestMembersSeeTheirApplicationOnly(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	victim := w.app(t, `{"name":"victim-name","uid":"victim"}`)
	endpoint := w.endpoint(t, victim, `{"url":"https://victim.example.com/","uid":"victim-hook"}`)
	message := w.message(t, victim, `{"eventType":"a","payload":{"of":"victim"}}`)
	attempt := w.try(t, victim, message, endpoint, "success")
	task := w.must(t, 202, "POST", "/app/"+victim+"/endpoint/"+endpoint+"/dlq/redrive", `{}`).id(t)
	own := w.app(t, `{"name":"own","uid":"own"}`)
	bearer := w.member(t, own, `{}`)

	before := w.must(t, 200, "GET", "/app/"+victim+"/endpoint/"+endpoint, "").text
	ids := map[string]string{
		"app_id": victim, "endpoint_id": endpoint, "msg_id": message, "attempt_id": attempt,
		"task_id": task, "name": "missing", "key_id": event.APIKey.Format(event.NewID()),
		"sink_id": "sink", "consumer_id": "consumer",
	}
	byUID := map[string]string{"app_id": "victim", "endpoint_id": "victim-hook"}
	for _, r := range api.Routes() {
		if r.Open || r.Path == "/auth/logout" {
			continue
		}
		for name, changes := range map[string]map[string]string{
			"ids of another": {}, "uids of another": byUID, "below its own": {"app_id": own}, "below its own uid": {"app_id": "own", "endpoint_id": "victim-hook"},
		} {
			values := maps.Clone(ids)
			maps.Copy(values, changes)
			path := expand(t, r.Path, values)
			a := w.exchange(t, r.Method, path, plausible(), "Authorization:Bearer "+bearer)
			require.NotContains(t, a.text, "victim", "%s: %s %s", name, r.Method, path)
			require.Less(t, a.status, 500, path)
			if a.status >= 400 {
				a.requireProblem(t)
			}
			foreign := strings.Contains(r.Path, "{app_id}") && values["app_id"] != own && values["app_id"] != "own"
			below := slices.ContainsFunc([]string{"{endpoint_id}", "{msg_id}", "{attempt_id}", "{task_id}", "{key_id}"}, func(name string) bool {
				return strings.Contains(r.Path, name)
			})
			if foreign || below && r.Method != http.MethodPut {
				require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, a.status, "%s: %s %s: %s", name, r.Method, path, a.text)
			}
			if a.status == http.StatusForbidden {
				a.requireCode(t, http.StatusForbidden, "insufficient access")
			}
		}
	}
	require.Equal(t, before, w.must(t, 200, "GET", "/app/"+victim+"/endpoint/"+endpoint, "").text, "nothing was changed")
	w.must(t, 200, "GET", "/app/"+victim+"/msg/"+message, "")

	require.Equal(t, own, w.sendAs(t, bearer, "GET", "/app/own", "").id(t))
	require.Equal(t, own, w.sendAs(t, bearer, "GET", "/app/"+own, "").id(t))
	for _, path := range []string{"/app", "/background-task"} {
		w.sendAs(t, bearer, "GET", path, "").requireCode(t, http.StatusForbidden, "insufficient access")
	}
}

// reach lists which routes let a token through.
func (w *world) reach(t *testing.T, bearer string, values map[string]string) []string {
	t.Helper()
	var through []string
	for _, r := range api.Routes() {
		if r.Open || r.Path == "/auth/logout" {
			continue // which would be the end of the token
		}
		path := expand(t, r.Path, values)
		a := w.exchange(t, r.Method, path, plausible(), "Authorization:Bearer "+bearer)
		switch a.status {
		case http.StatusForbidden:
			a.requireCode(t, http.StatusForbidden, "insufficient access")
		case http.StatusUnauthorized:
			t.Fatalf("%s %s: %s", r.Method, path, a.text)
		default:
			require.Less(t, a.status, 500, "%s %s: %s", r.Method, path, a.text)
			through = append(through, r.Method+" "+r.Path)
		}
	}
	return through
}

// where lists those of the routes of reach that pass.
func where(pass func(api.Route) bool) []string {
	var all []string
	for _, r := range api.Routes() {
		if !r.Open && r.Path != "/auth/logout" && pass(r) {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	return all
}

func ofKeys(r api.Route) bool    { return strings.HasPrefix(r.Path, "/api-key") }
func ofSecrets(r api.Route) bool { return strings.Contains(r.Path, "/secret") }
func reads(r api.Route) bool     { return r.Method == "GET" && !ofSecrets(r) && !ofKeys(r) }

// posts reports whether a route is for posting messages, and no other.
func posts(r api.Route) bool {
	return r.Posts && r.Method == "POST" && strings.HasPrefix(r.Path, "/app/{app_id}/msg")
}

// TestScopes: what a key may do is what its scopes say.
func TestScopes(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	everything := func(api.Route) bool { return true }
	for scopes, pass := range map[string]func(api.Route) bool{
		`"admin"`:          everything,
		`"manage"`:         func(r api.Route) bool { return !ofKeys(r) },
		`"publish"`:        posts,
		`"read"`:           reads,
		`"read","publish"`: func(r api.Route) bool { return reads(r) || posts(r) },
	} {
		key := w.must(t, 201, "POST", "/api-key", `{"name":"k","scopes":[`+scopes+`]}`).body["token"].(string)
		require.Equal(t, where(pass), w.reach(t, key, strangers()), scopes)
	}
	signed, err := tokens.NewSecret(jwtSecret).SignOperator(time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, where(everything), w.reach(t, signed, strangers()))
}

// TestCapabilities: what the token of a member may do is what its capabilities
// say.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	values := strangers()
	values["app_id"] = w.app(t, `{"name":"a"}`)
	all := w.reach(t, w.member(t, values["app_id"], `{}`), values)
	for _, never := range []string{
		"GET /app", "POST /app", "PUT /app/{app_id}", "PATCH /app/{app_id}", "DELETE /app/{app_id}", "POST /app/{app_id}/msg",
		"POST /app/{app_id}/msg/precheck/active", "DELETE /app/{app_id}/msg/{msg_id}/content", "POST /event-type", "GET /api-key",
		"POST /auth/app-portal-access/{app_id}", "POST /auth/app/{app_id}/expire-all", "GET /background-task",
	} {
		require.NotContains(t, all, never)
	}
	require.Contains(t, all, "GET /event-type/{name}")
	require.Contains(t, all, "POST /app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend")

	allowed := func(r api.Route) bool { return slices.Contains(all, r.Method+" "+r.Path) }
	base := func(r api.Route) bool { return allowed(r) && reads(r) }
	secret := func(r api.Route) bool { return allowed(r) && (reads(r) || ofSecrets(r) && r.Method == "GET") }
	for options, pass := range map[string]func(api.Route) bool{
		`{"capabilities":["ViewBase"]}`:                                                    base,
		`{"readOnly":true}`:                                                                base,
		`{"capabilities":["ViewBase","ManageTransformations"]}`:                            base,
		`{"capabilities":["ViewBase","ViewEndpointSecret"]}`:                               secret,
		`{"readOnly":true,"capabilities":["ViewBase","ViewEndpointSecret"]}`:               secret,
		`{"readOnly":true,"capabilities":["ViewBase","ManageEndpoint"]}`:                   secret,
		`{"capabilities":["ManageEndpointSecret","ViewBase"]}`:                             func(r api.Route) bool { return base(r) || allowed(r) && ofSecrets(r) },
		`{"capabilities":["ViewBase","CreateAttempts"]}`:                                   func(r api.Route) bool { return base(r) || allowed(r) && r.Replays },
		`{"capabilities":["ViewBase","ManageEndpoint"]}`:                                   func(r api.Route) bool { return allowed(r) && !r.Replays },
		`{"capabilities":["ViewBase","ManageEndpoint","CreateAttempts"],"readOnly":false}`: allowed,
	} {
		require.Equal(t, where(pass), w.reach(t, w.member(t, values["app_id"], options), values), options)
	}
}
