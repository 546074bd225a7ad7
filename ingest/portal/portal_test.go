package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal"
	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestLogin: a portal link opens the portal, logging out ends its token, and nothing
// is shown before or after.
func TestLogin(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	link := w.Link(t, w.App(t, "Acme"), "")
	v := w.Visitor(t)
	require.Equal(t, "/login", v.Get("/portal/endpoints").Location)
	require.Equal(t, 200, v.Get("/login").Status)

	p := v.Post("/login", "key", link)
	require.Equal(t, http.StatusSeeOther, p.Status)
	cookie := p.Header.Get("Set-Cookie")
	require.Contains(t, cookie, "Path=/portal;")
	require.Contains(t, cookie, "HttpOnly")
	require.Contains(t, cookie, "SameSite=Strict")
	require.Contains(t, v.Get("/portal/endpoints").Text, "Acme")

	require.Equal(t, "/login", v.Post("/portal/logout").Location)
	require.Equal(t, "/login", v.Get("/portal/endpoints").Location)
	p = v.Post("/login", "key", link)
	require.Equal(t, http.StatusUnprocessableEntity, p.Status, "the token has ended")
	require.NotContains(t, p.Text, link)
}

// TestWrongKeys: what opens neither is told so at its field, and gets no cookie.
func TestWrongKeys(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	_, key, _ := strings.Cut(w.Link(t, w.App(t, "Acme"), ""), "#key=")
	for path, keys := range map[string][]string{
		"/login":         {"", "x", "operator-token", key[:len(key)-8], "eyJ9"},
		"/console/login": {"", "x", key},
	} {
		for _, key := range keys {
			p := w.Visitor(t).Post(path, "key", key)
			require.Equal(t, http.StatusUnprocessableEntity, p.Status, "%s %q", path, key)
			require.Contains(t, p.Text, `id="key-fault"`)
			require.Empty(t, p.Header.Get("Set-Cookie"))
		}
	}
}

// TestGuessing: who brings wrong tokens here waits as at the API, which counts them.
func TestGuessing(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t, portaltest.FewLogins)
	v := w.Visitor(t)
	for range 2 {
		require.Equal(t, http.StatusUnprocessableEntity, v.Post("/console/login", "key", "guess").Status)
	}
	p := v.Post("/console/login", "key", "another")
	require.Equal(t, http.StatusTooManyRequests, p.Status)
	require.Contains(t, p.Text, "Too many wrong tokens")
}

// TestLongKey: a token that no browser could keep is refused with the reason.
func TestLongKey(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	link := w.Link(t, w.App(t, "Acme"), `{"featureFlags":["`+strings.Repeat("f", 250)+strings.Repeat(`","`+strings.Repeat("f", 250), 13)+`"]}`)
	p := w.Visitor(t).Post("/login", "key", link)
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.Contains(t, p.Text, "fewer feature flags")
	require.Empty(t, p.Header.Get("Set-Cookie"))
}

// TestEndedSession: who looks on after the token was revoked is sent to log in, also
// where only a part of a page was asked for.
func TestEndedSession(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	v := w.Member(t, app)
	w.API(t, "POST", "/auth/app/"+app+"/expire-all", "")
	v.Header.Set("HX-Request", "true")
	p := v.Get("/portal/endpoints")
	require.Equal(t, "/login?ended=", p.Header.Get("HX-Redirect"))
	require.Empty(t, p.Text)
}

// TestForeignForms: a form that another site has sent does nothing, though it comes
// with a cookie.
func TestForeignForms(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Member(t, w.App(t, "Acme"))
	v.Header.Set("Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, v.Post("/portal/logout").Status)
	v.Header.Set("Sec-Fetch-Site", "same-origin")
	require.Equal(t, 200, v.Get("/portal/endpoints").Status)
}

// TestLinkFromElsewhere: the browser sends no strict cookie along, so the page asks for
// itself once more before anybody is sent to log in.
func TestLinkFromElsewhere(t *testing.T) {
	t.Parallel()
	v := portaltest.Start(t).Visitor(t)
	v.Header.Set("Sec-Fetch-Site", "cross-site")
	v.Header.Set("Sec-Fetch-Mode", "navigate")
	require.Equal(t, "0", v.Get("/portal/endpoints").Header.Get("Refresh"))
	v.Header.Set("Sec-Fetch-Site", "same-origin")
	require.Equal(t, "/login", v.Get("/portal/endpoints").Location)
}

// TestPages: every address says what browsers may do with it, shows nothing to those
// who have not logged in, and loads only what there is.
func TestPages(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	pages := portal.Pages()
	require.Contains(t, pages, "/portal/endpoints")
	loads := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	for _, path := range pages {
		p := w.Visitor(t).Get(regexp.MustCompile(`{[^}]*}`).ReplaceAllString(path, "x"))
		require.Contains(t, p.Header.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, p.Header.Get("Content-Security-Policy"), "unsafe", path)
		require.Equal(t, "no-store", p.Header.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", p.Header.Get("X-Content-Type-Options"), path)
		if !strings.HasSuffix(path, "/login") {
			require.Contains(t, p.Location, "/login", path)
			continue
		}
		files := loads.FindAllStringSubmatch(p.Text, -1)
		require.NotEmpty(t, files)
		for _, file := range files {
			f := w.Visitor(t).Get(file[1])
			require.Equal(t, 200, f.Status, file[1])
			require.Contains(t, f.Header.Get("Cache-Control"), "immutable")
		}
	}
}

// TestNowhere: the API answers for what is not ours, as it always did, and we for what
// is.
func TestNowhere(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	require.Contains(t, v.Get("/elsewhere").Header.Get("Content-Type"), "application/json")
	require.Equal(t, http.StatusNotFound, v.Get("/api/v1//app").Status)
	p := v.Get("/console/elsewhere")
	require.Equal(t, http.StatusNotFound, p.Status)
	require.Contains(t, p.Text, "There is no such page")
	require.Equal(t, http.StatusNotFound, v.Get("/assets/x/y.js").Status)
}

// TestTheme: what was chosen is shown from then on, and nobody is led elsewhere by it.
func TestTheme(t *testing.T) {
	t.Parallel()
	v := portaltest.Start(t).Operator(t)
	require.Equal(t, "/console/applications?limit=2", v.Post("/console/theme", "theme", "dark", "back", "/console/applications?limit=2").Location)
	require.Contains(t, v.Get("/console/applications").Text, `data-theme="dark"`)
	for _, elsewhere := range []string{"//evil.example/console/", "https://evil.example/console/", "/console/..//evil.example", `/console/\evil.example`, "/portal/"} {
		require.NotContains(t, v.Post("/console/theme", "theme", "", "back", elsewhere).Location, "evil", elsewhere)
	}
	require.NotContains(t, v.Get("/console/applications").Text, "data-theme")
}
