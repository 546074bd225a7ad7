package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/shared/secret"
)

// visitor is somebody who looks at a page, through a proxy.
func visitor() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://hooks.example.com/portal/", http.NoBody)
	r.RemoteAddr = "192.0.2.7:1234"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	r.Header.Set("Cookie", "postrider_portal_session=confidential")
	return r
}

// TestIntroduces: the API hears who asks and from where, and nothing else that came
// with the request for the page.
func TestIntroduces(t *testing.T) {
	t.Parallel()
	var heard *http.Request
	var body []byte
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	c := client.New(api, secret.New("token"), visitor())
	require.NoError(t, c.Post(t.Context(), client.Path("app", "a/b", "..", "x?y#z"), url.Values{"q": {"1 2"}}, map[string]int{"n": 1}, nil))
	require.Equal(t, "/api/v1/app/a%2Fb/../x%3Fy%23z", heard.URL.EscapedPath(), "the API refuses what is not clean")
	require.Equal(t, "q=1+2", heard.URL.RawQuery)
	require.JSONEq(t, `{"n":1}`, string(body))
	require.Equal(t, "192.0.2.7:1234", heard.RemoteAddr)
	require.Equal(t, "hooks.example.com", heard.Host)
	require.NotNil(t, heard.TLS)
	require.Equal(t, http.Header{
		"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}, "X-Forwarded-For": {"198.51.100.1"},
	}, heard.Header)
}

// TestProblems: whatever the API answers that is no success is a problem that tells
// people something.
func TestProblems(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"code":"conflict","detail":"There is one"}`: "There is one",
		`{"detail":[{"loc":["body","url"],"msg":"is no URL"},{"loc":["body","headers","X-A"],"msg":"not allowed"},{"loc":["body"],"msg":"not JSON"}]}`: "not JSON; headers.X-A: not allowed; url: is no URL",
		`{}`:                 "Bad Gateway",
		``:                   "Bad Gateway",
		`<html>`:             "Bad Gateway",
		`{"detail":[]}`:      "Bad Gateway",
		`{"detail":{"a":1}}`: "Bad Gateway",
	} {
		api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			w.Write([]byte(body))
		})
		err := client.New(api, secret.String{}, visitor()).Get(t.Context(), "/app", nil, nil)
		require.True(t, client.Is(err, http.StatusBadGateway), body)
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, want, p.Summary(), body)
	}
}

// TestEndlessAnswer: an answer that is too long takes no more memory than the cap, and
// is an error.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	part := strings.Repeat("x", 1<<20)
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 40 {
			w.Write([]byte(part))
		}
	})
	var out any
	require.ErrorContains(t, client.New(api, secret.String{}, visitor()).Get(t.Context(), "/app", nil, &out), "longer than")
}
