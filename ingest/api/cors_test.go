package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
)

const portal = "https://portal.example.com"

// TestOtherOrigins: pages from elsewhere can call the API and read its answers,
// errors included, where that is allowed.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		origins []string
		allowed string
		vary    string
	}{
		"nobody":         {nil, "", "Origin"},
		"another":        {[]string{"https://other.example.com"}, "", "Origin"},
		"nearly the one": {[]string{"https://portal.example.com:8443", "http://portal.example.com", portal + "."}, "", "Origin"},
		"this one":       {[]string{"https://other.example.com", portal}, portal, "Origin"},
		"all":            {[]string{"*"}, "*", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, func(c *api.Config) { c.Origins = test.origins })
			for path, status := range map[string]int{"/app": 200, "/app/missing": 404, "/nowhere": 404, "/health/ping": 204} {
				a := w.must(t, status, "GET", path, "", "Origin:"+portal)
				require.Equal(t, test.allowed, a.header.Get("Access-Control-Allow-Origin"), path)
				require.Equal(t, test.vary, a.header.Get("Vary"), "caches keep apart what differs")
				require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
			}
			a := w.exchange(t, "OPTIONS", "/app/a/endpoint/e", "", "Authorization:", "Origin:"+portal,
				"Access-Control-Request-Method:PATCH", "Access-Control-Request-Headers:authorization,content-type,svix-req-id")
			if test.allowed == "" {
				a.requireCode(t, 405, "method_not_allowed")
				require.Empty(t, a.header.Get("Access-Control-Allow-Methods"))
				return
			}
			require.Equal(t, 204, a.status)
			require.Equal(t, []string{test.allowed, "PATCH", "authorization,content-type,svix-req-id", "600", ""}, []string{
				a.header.Get("Access-Control-Allow-Origin"), a.header.Get("Access-Control-Allow-Methods"),
				a.header.Get("Access-Control-Allow-Headers"), a.header.Get("Access-Control-Max-Age"), a.header.Get("Access-Control-Allow-Credentials"),
			})
			w.send(t, "OPTIONS", "/app", "").requireCode(t, 405, "method_not_allowed")
		})
	}
}
