package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWatchBites: each thing that a page must not do is noticed.
func TestWatchBites(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	for name, test := range map[string]struct{ policy, page, want string }{
		"a script that is kept from running": {"script-src 'self'", `<script>1</script>`, "security"},
		"an event handler":                   {"script-src 'self'", `<img src="data:," onerror="1">`, "security"},
		"a style attribute":                  {"style-src 'self'", `<p style="color: red">a</p>`, "security"},
		"a script":                           {"", `<script>console.log("ran")</script>`, "console.log: ran"},
		"an exception":                       {"", `<script>throw new Error("broken")</script>`, "broken"},
		"a picture from elsewhere":           {"", `<img src="` + elsewhere.URL + `/a.png">`, "loads from elsewhere"},
		"a missing file":                     {"", `<link rel="stylesheet" href="/missing.css">`, "404"},
		"a dialog":                           {"", `<script>alert("hello")</script>`, "dialog: hello"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				w.Header().Set("Content-Security-Policy", test.policy)
				_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><h1>Page</h1>`+test.page)
			}))
			t.Cleanup(server.Close)
			p := open(t)
			p.base, p.watch.base = server.URL, server.URL
			p.visit("/")
			p.at("Page")
			require.Contains(t, strings.Join(p.faults(), "\n"), test.want)
			p.allow(":")
		})
	}
}
