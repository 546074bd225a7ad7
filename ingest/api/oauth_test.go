package api_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestOAuth(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	id := w.endpoint(t, app, `{"url":"https://example.com"}`)
	path := "/app/" + app + "/endpoint/" + id
	w.must(t, 404, "GET", path+"/oauth", "")
	require.JSONEq(t, `{"enabled":false,"config":null}`, w.must(t, 200, "GET", path+"/oauth-config", "").text)

	minimal := map[string]any{
		"grantType": "clientCredentials", "authMethod": "clientSecretBasic", "clientId": "me", "clientSecret": "canary", "tokenUrl": "https://LOGIN.example.com",
	}
	with := func(changes map[string]any) string {
		body := maps.Clone(minimal)
		maps.Copy(body, changes)
		maps.DeleteFunc(body, func(_ string, value any) bool { return value == "absent" })
		text, err := json.Marshal(body)
		require.NoError(t, err)
		return string(text)
	}
	w.must(t, 204, "PUT", path+"/oauth", with(nil))
	require.JSONEq(t, `{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"me","tokenUrl":"https://login.example.com/",
		"scopes":null,"extraParams":null}`, w.must(t, 200, "GET", path+"/oauth", "").text)
	w.must(t, 204, "PUT", path+"/oauth", with(map[string]any{
		"authMethod": "clientSecretPost", "scopes": []string{"a", "b"}, "extraParams": map[string]string{"audience": "ä"},
	}))
	config := w.must(t, 200, "GET", path+"/oauth", "")
	require.JSONEq(t, `{"grantType":"clientCredentials","authMethod":"clientSecretPost","clientId":"me","tokenUrl":"https://login.example.com/",
		"scopes":["a","b"],"extraParams":{"audience":"ä"}}`, config.text)
	status := w.must(t, 200, "GET", path+"/oauth-config", "")
	require.Equal(t, map[string]any{"enabled": true, "config": config.body}, status.body)
	kept, err := w.store.Credentials(t.Context(), &store.Endpoint{ID: parse(t, event.Endpoint, id), Tenant: parse(t, event.Tenant, app)})
	require.NoError(t, err)
	require.Equal(t, "canary", kept.OAuth.ClientSecret.Reveal())

	for name, bad := range map[string][]any{
		"grantType":    {"absent", nil, 1, "refreshToken", ""},
		"authMethod":   {"absent", "clientSecretJwt"},
		"clientId":     {"absent", "", "a\nb", strings.Repeat("x", 1025)},
		"clientSecret": {"absent", nil, "", "ä", strings.Repeat("x", 1025)},
		"tokenUrl": {
			"absent", "", "ftp://example.com/", "http://127.0.0.1/", "http://localhost/", "http://169.254.169.254/", "https://example.com:22/",
			"https://a:b@example.com/", "https://example.com/#x",
		},
		"scopes":       {"a", []string{""}, []string{"a b"}, []string{`a"`}, []any{1}, make([]string, 51)},
		"extraParams":  {1, map[string]any{"": "x"}, map[string]any{"a": 1}, map[string]any{"client_secret": "x"}, map[string]any{"grant_type": "x"}, map[string]any{"scope": "x"}},
		"jwtParams":    {map[string]any{}},
		"refreshToken": {"x"},
		"extraHeaders": {map[string]any{"a": "b"}},
	} {
		for _, value := range bad {
			a := w.exchange(t, "PUT", path+"/oauth", with(map[string]any{name: value}))
			require.Equal(t, 422, a.status, "%s: %v", name, value)
			detail, _ := a.body["detail"].([]any)
			for _, fault := range detail {
				require.Equal(t, []any{"body", name}, fault.(map[string]any)["loc"], a.text)
			}
			require.NotContains(t, a.text, "canary")
		}
	}

	t.Run("an Authorization header and OAuth exclude each other", func(t *testing.T) {
		header := `{"headers":{"authorization":"Basic x"}}`
		w.send(t, "PUT", path+"/headers", header).requireInvalid(t, "body.headers")
		w.send(t, "PATCH", path+"/headers", header).requireInvalid(t, "body.headers")
		w.must(t, 204, "PUT", path+"/headers", `{"headers":{"X-Api-Key":"x"}}`)
		w.must(t, 204, "DELETE", path+"/oauth", "")
		w.must(t, 404, "GET", path+"/oauth", "")
		w.must(t, 204, "PUT", path+"/headers", header)
		w.send(t, "PUT", path+"/oauth", with(nil)).requireInvalid(t, "body.grantType")
	})
}
