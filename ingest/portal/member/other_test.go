package member_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/member"
	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestOtherApplications walks every page and action with the ids of another
// application: there is no such thing.
func TestOtherApplications(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	theirs := w.App(t, "Theirs")
	w.API(t, "POST", "/event-type", `{"name":"a","description":""}`)
	ids := map[string]string{
		"{endpoint}": portaltest.ID(t, w.API(t, "POST", "/app/"+theirs+"/endpoint", `{"url":"https://theirs.example/in","description":"confidential"}`)),
		"{message}":  portaltest.ID(t, w.API(t, "POST", "/app/"+theirs+"/msg", `{"eventType":"a","payload":{"is":"confidential"}}`)),
	}
	v := w.Member(t, w.App(t, "Ours"))
	before := w.API(t, "GET", "/app/"+theirs+"/endpoint/"+ids["{endpoint}"], "")
	named := regexp.MustCompile(`{[^}]*}`)
	for _, route := range member.Area().Routes {
		path := "/portal" + named.ReplaceAllStringFunc(route.Path, func(name string) string {
			if id := ids[name]; id != "" {
				return id
			}
			return "x"
		})
		var p portaltest.Page
		if route.Method == http.MethodGet {
			p = v.Get(path)
		} else {
			p = v.Post(path, "url", "https://ours.example", "headers", "X-A", "value", "b", "gracePeriodSeconds", "0")
		}
		require.NotContains(t, p.Text, "confidential", "%s %s", route.Method, path)
		require.NotContains(t, p.Text, "theirs.example", "%s %s", route.Method, path)
		if strings.Contains(route.Path, "{endpoint}") || strings.Contains(route.Path, "{message}") {
			require.Equal(t, http.StatusNotFound, p.Status, "%s %s", route.Method, path)
		}
		require.Less(t, p.Status, 500, "%s %s: %s", route.Method, path, p.Text)
	}
	require.Equal(t, before, w.API(t, "GET", "/app/"+theirs+"/endpoint/"+ids["{endpoint}"], ""))
}

// TestNamesInPaths: whatever stands where an id belongs stays in its place.
func TestNamesInPaths(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Member(t, w.App(t, "Acme"))
	for _, name := range []string{"..%2F..", "%2E%2E", ".", "x%2Fsecret", "x%3Flimit=1", "x%23", "%00", "%0d%0aX-A:b", "%ff", "ep_x", "%7B%7D"} {
		p := v.Get("/portal/endpoints/" + name + "/edit")
		require.Contains(t, []int{301, 307, 404}, p.Status, "%s: %s", name, p.Text)
		require.Empty(t, p.Header.Get("X-A"))
	}
}
