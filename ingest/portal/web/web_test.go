package web_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// serve serves an area of its own, whose page "page" shows what it is told. Behind it
// is an API that knows nothing.
func serve(t *testing.T, config web.Config, routes ...web.Route) *httptest.Server {
	t.Helper()
	config.API, config.Log = http.NotFoundHandler(), testkit.Log(t)
	stopping := make(chan struct{})
	if config.Stopping == nil {
		config.Stopping = stopping
	}
	pages, err := web.New(config, &web.Area{
		Name: "test", Title: "Test", Path: "/test", Login: "/test-login", Life: time.Hour, Routes: routes,
		Enter: func(_ context.Context, key string, _ func(secret.String) *client.Client) (web.Session, error) {
			return web.Session{App: "app", Token: secret.New(key)}, nil
		},
		Who: func(v *web.Visit) string { return v.App },
		Files: fstest.MapFS{
			"templates/page.html":  {Data: []byte(`{{define "title"}}T{{end}}{{define "main"}}<p>{{.}}</p>{{end}}`)},
			"templates/login.html": {Data: []byte(`{{define "title"}}L{{end}}{{define "main"}}{{.Form.Fault "key"}}{{end}}`)},
		},
	})
	require.NoError(t, err)
	server := httptest.NewServer(pages)
	t.Cleanup(func() {
		close(stopping)
		server.Close()
	})
	return server
}

// answer is a response whose body is closed at the end of the test.
type answer struct{ *http.Response }

// ask makes a request with a session.
func ask(t *testing.T, server *httptest.Server, path string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
	require.NoError(t, err)
	request.AddCookie(&http.Cookie{Name: "postrider_test_session", Value: "app:token"})
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		request.Header.Set(name, value)
	}
	response, err := server.Client().Transport.RoundTrip(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return answer{response}
}

func text(t *testing.T, response answer) string {
	t.Helper()
	var out strings.Builder
	_, err := bufio.NewReader(response.Body).WriteTo(&out)
	require.NoError(t, err)
	return out.String()
}

// TestFaults: whatever an action dies of, the visitor gets a page that tells nothing of
// it, and others are served on.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := serve(t, web.Config{},
		web.Get("/panic", func(*web.Visit) error { panic("confidential") }),
		web.Get("/error", func(*web.Visit) error { return errors.New("confidential") }),
		web.Get("/template", func(v *web.Visit) error { return v.Render("nosuch", nil) }),
		web.Get("/fine", func(v *web.Visit) error { return v.Render("page", "<fine>") }),
	)
	for _, path := range []string{"/test/panic", "/test/error", "/test/template"} {
		response := ask(t, server, path)
		require.Equal(t, http.StatusInternalServerError, response.StatusCode)
		page := text(t, response)
		require.Contains(t, page, "This went wrong")
		require.NotContains(t, page, "confidential")
	}
	require.Contains(t, text(t, ask(t, server, "/test/fine")), "<p>&lt;fine&gt;</p>")
	require.Equal(t, "<p>&lt;fine&gt;</p>", text(t, ask(t, server, "/test/fine", "HX-Request:true")), "without the layout")
}

// TestLive: each event replaces a part, whatever a customer wrote stays inside it, and
// what goes wrong is shown and does not end it.
func TestLive(t *testing.T) {
	t.Parallel()
	var times int
	server := serve(t, web.Config{}, web.Get("/live", func(v *web.Visit) error {
		return v.Live(time.Millisecond, func(_ context.Context, l *web.Live) error {
			if times++; times == 2 {
				return &client.Problem{Status: http.StatusServiceUnavailable, Detail: "The database is not available"}
			}
			return l.Send("part", "page", "main", "one\r\rdata: two\n\nevent: three")
		})
	}))
	response := ask(t, server, "/test/live")
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	var events []string
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() && len(events) < 3 {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			events = append(events, name)
			continue
		}
		if lines.Text() != "" && !strings.HasPrefix(lines.Text(), ":") {
			require.True(t, strings.HasPrefix(lines.Text(), "data: "), lines.Text())
			require.NotContains(t, lines.Text(), "\r")
		}
	}
	require.Equal(t, []string{"part", "trouble", "part"}, events)
}

// TestLiveIsBounded: a visitor has only so many at once, and all end when the server is
// to stop.
func TestLiveIsBounded(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	server := serve(t, web.Config{Stopping: stopping}, web.Get("/live", func(v *web.Visit) error {
		return v.Live(time.Hour, func(context.Context, *web.Live) error { return nil })
	}))
	var open []answer
	for {
		response := ask(t, server, "/test/live")
		if response.StatusCode != http.StatusOK {
			require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
			break
		}
		open = append(open, response)
		require.LessOrEqual(t, len(open), 6)
	}
	require.NotEmpty(t, open)
	close(stopping)
	for _, response := range open {
		require.Equal(t, ": hello\n\n", text(t, response))
	}
}

// TestFrames: a session that begins in a frame of a page that may show ours is kept for
// that page alone; any other is strict.
func TestFrames(t *testing.T) {
	t.Parallel()
	begin := func(server *httptest.Server, headers ...string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/test-login", strings.NewReader("key=k"))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ":")
			request.Header.Set(name, value)
		}
		response, err := server.Client().Transport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.Header.Get("Set-Cookie")
	}
	framed := serve(t, web.Config{Parents: []string{"https://app.example.com"}})
	require.Contains(t, ask(t, framed, "/test-login").Header.Get("Content-Security-Policy"), "frame-ancestors https://app.example.com")
	const https, inside = "X-Forwarded-Proto:https", "Sec-Fetch-Dest:iframe"
	require.Contains(t, begin(framed, https, inside), "Secure; SameSite=None; Partitioned")
	require.Contains(t, begin(framed, https), "Secure; SameSite=Strict")
	require.Contains(t, begin(framed, inside), "HttpOnly; SameSite=Strict", "without https no browser keeps another")

	alone := serve(t, web.Config{})
	require.Contains(t, ask(t, alone, "/test-login").Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Contains(t, begin(alone, https, inside), "SameSite=Strict")
}

// TestBrand: the operator's theme and logo come with every page, and cannot bring more
// along; without any, nothing is asked for.
func TestBrand(t *testing.T) {
	t.Parallel()
	theme, err := web.NewTheme([]string{"accent=#0a7f5a"})
	require.NoError(t, err)
	logo := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	branded := serve(t, web.Config{Brand: web.Brand{Theme: theme, Logo: logo}})
	page := text(t, ask(t, branded, "/test-login"))
	style := regexp.MustCompile(`href="(/assets/\w+/theme.css)"`).FindStringSubmatch(page)
	require.NotNil(t, style)
	require.Greater(t, strings.Index(page, style[1]), strings.Index(page, "/app.css"), "what comes last counts")
	require.Contains(t, text(t, ask(t, branded, style[1])), "--accent:#0a7f5a;")
	image := regexp.MustCompile(`<img src="(/assets/\w+/logo.svg)"`).FindStringSubmatch(page)
	require.NotNil(t, image)
	shown := ask(t, branded, image[1])
	require.Equal(t, "image/svg+xml", shown.Header.Get("Content-Type"))
	require.Contains(t, shown.Header.Get("Cache-Control"), "immutable")
	require.Contains(t, shown.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'", "what stands in it is not run")

	plain := serve(t, web.Config{})
	require.NotContains(t, text(t, ask(t, plain, "/test-login")), "theme.css")
	require.Equal(t, http.StatusNotFound, ask(t, plain, style[1]).StatusCode)
}

// TestPagesOf: each page of a list leads on where there is more, and back where it came
// from, with the filters that were asked for.
func TestPagesOf(t *testing.T) {
	t.Parallel()
	next, previous := "b", "-a"
	list := func(done bool) client.List[int] {
		return client.List[int]{Data: []int{1}, Iterator: &next, PrevIterator: &previous, Done: done}
	}
	for name, c := range map[string]struct {
		iterator string
		done     bool
		on, back bool
	}{
		"the only page":           {"", true, false, false},
		"the first of several":    {"", false, true, false},
		"one in the middle":       {"x", false, true, true},
		"the last":                {"x", true, false, true},
		"one in the middle, back": {"-x", false, true, true},
		"back at the first":       {"-x", true, true, false},
	} {
		query := map[string][]string{"state": {"failed"}}
		if c.iterator != "" {
			query["iterator"] = []string{c.iterator}
		}
		p := web.PagesOf(list(c.done), "/test/list", query)
		require.Equal(t, c.on, p.Next == "/test/list?iterator=b&state=failed", name)
		require.Equal(t, c.on, p.Next != "", name)
		require.Equal(t, c.back, p.Previous == "/test/list?iterator=-a&state=failed", name)
		require.Equal(t, c.back, p.Previous != "", name)
	}
	require.Empty(t, web.PagesOf(client.List[int]{Done: true}, "/test/list", nil))
}
