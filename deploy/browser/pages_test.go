package browser

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// screenshots is set by make screenshots.
var screenshots = flag.String("screenshots", "", "`folder` to put pictures of every page into")

// enough is how much a first visit may weigh, everything included.
const enough = 150_000

// TestPages walks all pages by their links, as a member of an application with
// something of everything, and as the operator. Each must be right in both themes and
// both sizes.
func TestPages(t *testing.T) {
	t.Parallel()
	a := showcase(t)
	if *screenshots != "" {
		a.busy()
	}
	for area, enter := range map[string]func(p *tab){
		"/portal":  func(p *tab) { p.member(a) },
		"/console": func(p *tab) { p.operator() },
	} {
		t.Run(strings.Trim(area, "/"), func(t *testing.T) {
			t.Parallel()
			p := open(t)
			enter(p)
			weight, parts := p.weight()
			require.Less(t, weight, int64(enough), "bytes of the first visit: %v", parts)
			n := 0
			p.walk(area, false, func(path string) {
				n++
				p.check(path)
			})
			require.Empty(t, p.unseen(area), "no link leads to these")
			t.Logf("%d pages; a first visit weighs %d bytes", n, weight)
		})
	}
}

// TestLogins: so must the pages be that lead to the others.
func TestLogins(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/login", "/console/login"} {
		p := open(t)
		p.visit(path)
		p.check(path)
	}
}

// check holds the page against what is true of every page.
func (p *tab) check(path string) {
	p.t.Helper()
	status, headers := p.answer()
	expect := func(ok bool, format string, args ...any) {
		p.t.Helper()
		if !ok {
			p.t.Errorf(path+": "+format, args...)
		}
	}
	expect(status == http.StatusOK, "status %d", status)
	policy := headers["content-security-policy"]
	expect(strings.Contains(policy, "default-src 'none'") && !strings.Contains(policy, "unsafe"), "policy %q", policy)
	expect(headers["cache-control"] == "no-store", "may be kept: %q", headers["cache-control"])
	expect(ask[int](p, `document.querySelectorAll("h1").length`) == 1, "not one heading")
	expect(ask[string](p, "document.title") != "", "no title")
	for _, theme := range []string{"light", "dark"} {
		p.prefers(theme)
		for name, size := range map[string]size{"desktop": desktop, "phone": phone} {
			p.resize(size)
			wide := ask[[]string](p, "f.wide()")
			expect(len(wide) == 0, "wider than a %s: %s", name, strings.Join(wide, "\n"))
			if *screenshots != "" {
				p.save(filepath.Join(*screenshots, fileOf(path)+"-"+name+"-"+theme+".png"), size)
			}
			if (name == "desktop") == (theme == "light") { // each theme and each size once
				for _, fault := range p.audit() {
					expect(false, "%s, %s: %s", name, theme, fault)
				}
			}
		}
	}
	p.resize(desktop)
	p.prefers("light")
}

// save keeps a picture of all of the page, in a window in which all of it is seen.
func (p *tab) save(file string, s size) {
	p.t.Helper()
	p.resize(size{s.width, max(s.height, ask[int](p, "document.documentElement.scrollHeight"))})
	defer p.resize(s)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(p.t, os.WriteFile(file, p.picture(), 0o644))
}

// member comes as one of an application's people, by the link that they are given.
func (p *tab) member(a application) {
	p.t.Helper()
	p.visit(a.portal(nil))
	await[bool](p, "the portal", `location.pathname.startsWith("/portal/")`)
	p.settle()
}

// endpoints comes so too, and goes to the list of endpoints.
func (p *tab) endpoints(a application) {
	p.t.Helper()
	p.member(a)
	p.click("Endpoints")
	p.at("Endpoints")
}

// operator comes with the token of the installation.
func (p *tab) operator() {
	p.t.Helper()
	p.visit("/console/login")
	p.fill("Operator token", system.Token)
	p.click("Log in")
	await[bool](p, "the console", `location.pathname.startsWith("/console/") && location.pathname !== "/console/login"`)
	p.settle()
}
