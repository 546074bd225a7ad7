package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOtherOrigins: pages from elsewhere can call the API and read its answers,
// errors included.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	w := start(t)
	for path, status := range map[string]int{"/app": 200, "/app/missing": 404, "/nowhere": 404, "/health/ping": 204} {
		a := w.must(t, status, "GET", path, "", "Origin:https://portal.example.com")
		require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), path)
	}
	asks := []string{
		"Authorization:", "Origin:https://portal.example.com", "Access-Control-Request-Method:PATCH",
		"Access-Control-Request-Headers:authorization,content-type,svix-req-id",
	}
	a := w.exchange(t, "OPTIONS", "/app/a/endpoint/e", "", asks...)
	require.Equal(t, 204, a.status)
	require.Equal(t, []string{"*", "PATCH", "authorization,content-type,svix-req-id", "600", ""}, []string{
		a.header.Get("Access-Control-Allow-Origin"), a.header.Get("Access-Control-Allow-Methods"),
		a.header.Get("Access-Control-Allow-Headers"), a.header.Get("Access-Control-Max-Age"), a.header.Get("Access-Control-Allow-Credentials"),
	})
	w.send(t, "OPTIONS", "/app", "").requireCode(t, 405, "method_not_allowed")
}
