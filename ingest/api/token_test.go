package api_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	tokens "github.com/postrider/postrider/shared/token"
)

// claimsOf reads a token without believing it.
func claimsOf(t *testing.T, bearer string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(bearer, claims)
	require.NoError(t, err)
	return claims
}

func TestPortalAccess(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	app := w.app(t, `{"name":"a","uid":"a"}`)
	for _, path := range []string{"/auth/app-portal-access/a", "/auth/dashboard-access/a", "/auth/dashboard-access/" + app} {
		a := w.must(t, 200, "POST", path, "")
		bearer := a.body["token"].(string)
		require.Equal(t, app, w.sendAs(t, bearer, "GET", "/app/a", "").id(t))

		link, err := url.Parse(a.body["url"].(string))
		require.NoError(t, err)
		require.Equal(t, w.url+"/login", "http://"+link.Host+link.Path)
		fragment, err := url.ParseQuery(link.Fragment)
		require.NoError(t, err)
		text, err := base64.StdEncoding.DecodeString(fragment.Get("key"))
		require.NoError(t, err)
		require.JSONEq(t, `{"appId":"`+app+`","token":"`+bearer+`"}`, string(text))
		require.NotContains(t, strings.SplitN(a.body["url"].(string), "#", 2)[0], bearer)

		claims := claimsOf(t, bearer)
		require.Equal(t, []any{app, tokens.Organization}, []any{claims["sub"], claims["org"]})
		require.InDelta(t, time.Now().Add(7*24*time.Hour).Unix(), claims["exp"], 60)
		require.InDelta(t, time.Now().Unix(), claims["iat"], 60)
	}
	a := w.must(t, 200, "POST", "/auth/app-portal-access/a", `{"expiry":3600,"sessionId":"s 1","featureFlags":["f"],"readOnly":null,"capabilities":null}`)
	claims := claimsOf(t, a.body["token"].(string))
	require.InDelta(t, time.Now().Add(time.Hour).Unix(), claims["exp"], 60)
	require.Equal(t, []any{"s 1", []any{"f"}}, []any{claims["session_id"], claims["feature_flags"]})
	require.Len(t, claims["capabilities"], 6)

	a = w.must(t, 200, "POST", "/auth/app-portal-access/a", ``, "X-Forwarded-Proto:https")
	require.True(t, strings.HasPrefix(a.body["url"].(string), "https://"))
	elsewhere := startOn(t, w.store, withSecret, func(c *api.Config) { c.Portal = "https://portal.example.com/hooks" })
	a = elsewhere.must(t, 200, "POST", "/auth/app-portal-access/a", ``)
	require.True(t, strings.HasPrefix(a.body["url"].(string), "https://portal.example.com/hooks/login#key="))

	without := startOn(t, w.store)
	without.send(t, "POST", "/auth/app-portal-access/a", ``).requireCode(t, http.StatusNotImplemented, "not_implemented")
}

// TestPortalAccessMakesApplication as messages do.
func TestPortalAccessMakesApplication(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	w.send(t, "POST", "/auth/app-portal-access/new", `{}`).requireCode(t, 404, "not_found")
	for body, fault := range map[string]string{
		`{"application":{"name":"n"}}`:               "application_uid_missing",
		`{"application":{"name":"n","uid":"other"}}`: "application_uid_mismatch",
	} {
		a := w.send(t, "POST", "/auth/app-portal-access/new", body)
		a.requireInvalid(t, "body.application.uid")
		require.Contains(t, a.text, fault)
	}
	w.send(t, "GET", "/app/new", "").requireCode(t, 404, "not_found")
	for range 2 {
		bearer := w.member(t, "new", `{"application":{"name":"New","uid":"new"}}`)
		require.Equal(t, "New", w.sendAs(t, bearer, "GET", "/app/new", "").body["name"])
	}
	w.must(t, 200, "POST", "/auth/app-portal-access/new", `{"application":{"name":"ignored","uid":"ignored"}}`)
	w.send(t, "POST", "/auth/app-portal-access/"+event.Tenant.Format(event.NewID()), `{"application":{"name":"n","uid":"n"}}`).requireInvalid(t, "body.application.uid")
}

func TestBadTokenForms(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	w.app(t, `{"name":"a","uid":"a"}`)
	long := strings.Repeat("x", 257)
	for path, members := range map[string]map[string][]string{
		"/auth/app-portal-access/a": {
			"expiry":       {`0`, `3599`, `604801`, `-1`, `"3600"`, `1e3`, `3600.5`, `99999999999999999999`},
			"capabilities": {`[]`, `"ViewBase"`, `["ViewEndpointSecret"]`, `["ViewBase","Everything"]`, `["viewbase"]`, `[null]`, `[1]`, `{}`},
			"readOnly":     {`1`, `"true"`},
			"sessionId":    {`""`, `1`, `"` + long + `"`, `"\u0000"`, `["s"]`},
			"featureFlags": {`"f"`, `["a b"]`, `[""]`, `[null]`, `["` + long + `"]`, `["` + strings.Repeat(strings.Repeat("x", 250)+`","`, 17) + `x"]`},
		},
		"/auth/app/a/expire-all": {
			"expiry":     {`-1`, `604801`, `"0"`, `0.5`},
			"sessionIds": {`"s"`, `[""]`, `[null]`, `[1]`, `["` + long + `"]`, `["\u0000"]`, `["` + strings.Repeat(`s","`, 100) + `s"]`},
		},
		"/api-key": {
			"name":      {`""`, `1`, `null`, `"\u0000"`, `"` + long + `"`},
			"scopes":    {`[]`, `null`, `"admin"`, `["root"]`, `["admin",null]`, `[1]`},
			"expiresAt": {`"2020-01-01T00:00:00Z"`, `1`, `"tomorrow"`, `""`},
		},
	} {
		for member, bad := range members {
			for _, value := range bad {
				a := w.send(t, "POST", path, compose(map[string]string{"/api-key": `"name":"n","scopes":["read"]`}[path], member, value))
				a.requireInvalid(t, "body."+member)
			}
		}
		for _, body := range []string{`[]`, `null`, `{`, `{"expiry":1,"expiry":1}`} {
			w.send(t, "POST", path, body).requireInvalid(t, "body")
		}
	}
	require.Empty(t, w.must(t, 200, "GET", "/api-key", "").body["data"])
}

// TestExpireAll: tokens that were made before stop working at once, in every
// process; those made after work.
func TestExpireAll(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	other := startOn(t, w.store, withSecret)
	w.app(t, `{"name":"a","uid":"a"}`)
	w.app(t, `{"name":"b","uid":"b"}`)
	works := func(bearer, app string, want bool) {
		t.Helper()
		for _, server := range []*world{w, other} {
			a := server.sendAs(t, bearer, "GET", "/app/"+app, "")
			if want {
				require.Equal(t, 200, a.status, a.text)
			} else {
				a.requireCode(t, 401, "authentication_failed")
			}
		}
	}
	plain, first, second := w.member(t, "a", `{}`), w.member(t, "a", `{"sessionId":"one"}`), w.member(t, "a", `{"sessionId":"two"}`)
	neighbour := w.member(t, "b", `{"sessionId":"one"}`)

	w.must(t, 204, "POST", "/auth/app/a/expire-all", `{"expiry":604800}`)
	w.must(t, 204, "POST", "/auth/app/a/expire-all", `{"sessionIds":["one","none"]}`)
	works(first, "a", false)
	works(second, "a", true)
	works(plain, "a", true)
	works(neighbour, "b", true)
	works(w.member(t, "a", `{"sessionId":"one"}`), "a", true)

	w.must(t, 204, "POST", "/auth/app/a/expire-all", ``)
	works(second, "a", false)
	works(plain, "a", false)
	works(neighbour, "b", true)
	works(w.member(t, "a", `{}`), "a", true)

	require.NoError(t, w.store.DropRevocations(t.Context(), time.Now().Add(-time.Hour)))
	works(plain, "a", false)
	require.NoError(t, w.store.DropRevocations(t.Context(), time.Now().Add(time.Hour)))
	works(plain, "a", true)

	w.send(t, "POST", "/auth/app/missing/expire-all", `{}`).requireCode(t, 404, "not_found")
	w.must(t, 204, "DELETE", "/app/b", "")
	works(neighbour, "b", false)
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	w.app(t, `{"name":"a","uid":"a"}`)
	one, two := w.member(t, "a", `{"readOnly":true}`), w.member(t, "a", `{}`)
	require.Equal(t, 204, w.sendAs(t, one, "POST", "/auth/logout", "").status)
	w.sendAs(t, one, "GET", "/app/a", "").requireCode(t, 401, "authentication_failed")
	w.sendAs(t, one, "POST", "/auth/logout", "").requireCode(t, 401, "authentication_failed")
	require.Equal(t, 200, w.sendAs(t, two, "GET", "/app/a", "").status)
	w.must(t, 204, "POST", "/auth/logout", "")
	w.must(t, 200, "GET", "/app", "")
	w.send(t, "POST", "/auth/logout", "", "Authorization:").requireCode(t, 401, "authentication_failed")
}

// TestWhatAuthorizes: the ways in which clients write the header.
func TestWhatAuthorizes(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	signed, err := tokens.NewSecret(jwtSecret).SignOperator(time.Now().Add(time.Hour))
	require.NoError(t, err)
	app := w.app(t, `{"name":"a"}`)
	gone := w.app(t, `{"name":"gone"}`)
	ofGone := w.member(t, gone, `{}`)
	w.must(t, 204, "DELETE", "/app/"+gone, "")
	key := w.must(t, 201, "POST", "/api-key", `{"name":"k","scopes":["read"]}`).body["token"].(string)
	for _, bearer := range []string{token, signed, key} {
		for _, header := range []string{"Bearer " + bearer, "bearer " + bearer, "BEARER  " + bearer + " ", "Bearer " + bearer + "|eu"} {
			require.Equal(t, 200, w.send(t, "GET", "/app/"+app, "", "Authorization:"+header).status, header)
			require.Equal(t, 200, w.send(t, "HEAD", "/app/"+app, "", "Authorization:"+header).status, header)
		}
	}
	for _, header := range []string{
		"", token, "Basic " + token, "Bearer", "Bearer ", "Bearer |" + token, "Bearer " + token + "x", "Bearer " + token[1:],
		"Bearer " + key[:len(key)-1], "Bearer prk_", "Bearer " + newKeyText(), "Bearer " + ofGone, "Bearer " + signed + "x",
	} {
		a := w.send(t, "GET", "/app/"+app, "", "Authorization:"+header)
		a.requireCode(t, 401, "authentication_failed")
		require.Equal(t, "Invalid token", a.body["detail"], header)
	}
	a := w.send(t, "GET", "/app", "", "Authorization:Bearer "+jwtSecret)
	a.requireCode(t, 401, "authentication_failed")
	require.Contains(t, a.body["detail"], "JWT secret", "a mistake that is often made")

	// With nothing set, nothing is let in: not even nothing.
	closed := startOn(t, w.store, func(c *api.Config) { c.Token = secret.String{} })
	for _, header := range []string{"", "Bearer ", "Bearer |", "Bearer " + signed, "Bearer " + token} {
		closed.send(t, "GET", "/app", "", "Authorization:"+header).requireCode(t, 401, "authentication_failed")
	}
}

func newKeyText() string {
	_, text := tokens.NewKey()
	return text.Reveal()
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	w := start(t)
	made := w.must(t, 201, "POST", "/api-key", `{"name":"billing","scopes":["read","publish","read"],"expiresAt":"2999-01-02T03:04:05Z"}`)
	key, id := made.body["token"].(string), made.id(t)
	require.True(t, strings.HasPrefix(key, id+"_"))
	require.Equal(t, []any{"billing", []any{"publish", "read"}, "2999-01-02T03:04:05Z", nil},
		[]any{made.body["name"], made.body["scopes"], made.body["expiresAt"], made.body["lastUsedAt"]})

	require.Equal(t, 200, w.sendAs(t, key, "GET", "/app", "").status)
	seen := w.must(t, 200, "GET", "/api-key/"+id, "")
	require.NotNil(t, seen.body["lastUsedAt"])
	list := w.must(t, 200, "GET", "/api-key", "")
	require.Equal(t, []any{id}, list.data(t, "id"))
	for _, a := range []answer{seen, list} {
		require.NotContains(t, a.text, key[len(id)+1:], "the secret is shown once")
	}
	require.Equal(t, 200, w.sendAs(t, key, "GET", "/app", "").status)
	require.Equal(t, seen.text, w.must(t, 200, "GET", "/api-key/"+id, "").text, "use is noted once a minute")

	changed := w.must(t, 200, "PATCH", "/api-key/"+id, `{"name":"new","scopes":["manage"],"expiresAt":null}`)
	require.Equal(t, []any{"new", []any{"manage"}, nil}, []any{changed.body["name"], changed.body["scopes"], changed.body["expiresAt"]})
	require.Equal(t, 201, w.sendAs(t, key, "POST", "/app", `{"name":"a"}`).status)
	w.sendAs(t, key, "GET", "/api-key", "").requireCode(t, 403, "insufficient access")

	_, err := w.store.ChangeAPIKey(t.Context(), parse(t, event.APIKey, id), func(k *store.APIKey) error {
		k.ExpiresAt = time.Now()
		return nil
	})
	require.NoError(t, err)
	w.sendAs(t, key, "GET", "/app", "").requireCode(t, 401, "authentication_failed")

	w.must(t, 204, "DELETE", "/api-key/"+id, "")
	w.sendAs(t, key, "GET", "/app", "").requireCode(t, 401, "authentication_failed")
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		w.send(t, method, "/api-key/"+id, `{}`).requireCode(t, 404, "not_found")
		w.send(t, method, "/api-key/x", `{}`).requireCode(t, 404, "not_found")
	}

	var names []any
	for _, name := range []string{"1", "2", "3"} {
		w.must(t, 201, "POST", "/api-key", `{"name":"`+name+`","scopes":["admin"]}`)
		names = append([]any{name}, names...)
	}
	require.Equal(t, names, w.must(t, 200, "GET", "/api-key", "").data(t, "name"))
	page := w.must(t, 200, "GET", "/api-key?limit=2", "")
	require.Equal(t, names[:2], page.data(t, "name"))
	require.Equal(t, names[2:], w.must(t, 200, "GET", "/api-key?limit=2&iterator="+page.body["iterator"].(string), "").data(t, "name"))
}

// TestAPIKeyIsMadeOnce: its text is neither kept nor shown again.
func TestAPIKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	const body, key = `{"name":"k","scopes":["read"]}`, "Idempotency-Key: k"
	id := w.must(t, 201, "POST", "/api-key", body, key).id(t)
	a := w.send(t, "POST", "/api-key", body, key)
	a.requireCode(t, http.StatusConflict, "conflict")
	require.NotContains(t, a.text, "prk_")
	require.Equal(t, []any{id}, w.must(t, 200, "GET", "/api-key", "").data(t, "id"))
}

// TestFeatureFlags: members see the event types that everybody sees, and those
// behind the flags of their token.
func TestFeatureFlags(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	w.app(t, `{"name":"a","uid":"a"}`)
	for _, body := range []string{
		`{"name":"1","description":""}`, `{"name":"2","description":"","featureFlags":["beta","late"]}`, `{"name":"3","description":"","featureFlag":"early"}`,
	} {
		w.must(t, 201, "POST", "/event-type", body)
	}
	for options, want := range map[string][]any{
		`{}`:                                {"1"},
		`{"featureFlags":[]}`:               {"1"},
		`{"featureFlags":["beta","other"]}`: {"1", "2"},
		`{"featureFlags":["early","late"]}`: {"1", "2", "3"},
	} {
		bearer := w.member(t, "a", options)
		require.Equal(t, want, w.sendAs(t, bearer, "GET", "/event-type", "").data(t, "name"), options)
		for _, name := range []any{"1", "2", "3"} {
			a := w.sendAs(t, bearer, "GET", "/event-type/"+name.(string), "")
			if slices.Contains(want, name) {
				require.Equal(t, 200, a.status, a.text)
			} else {
				a.requireCode(t, 404, "not_found")
			}
		}
	}
	require.Len(t, w.must(t, 200, "GET", "/event-type", "").data(t, "name"), 3)
	w.must(t, 200, "GET", "/event-type/2", "")
}
