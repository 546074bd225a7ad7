package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestFirstVisit: the link is enough, what is secret in it does not stay in the address,
// and who has nothing yet is told what to do first.
func TestFirstVisit(t *testing.T) {
	t.Parallel()
	p := open(t)
	a := newApplication(t, "First visit")
	p.member(a)
	p.at("Overview")
	p.sees("What to do first")
	require.NotContains(t, ask[string](p, "location.href"), "#")
	require.Empty(t, ask[string](p, "document.cookie"))
	cookies, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{})
	require.NoError(t, err)
	require.NotEmpty(t, cookies.Cookies)
	for _, c := range cookies.Cookies {
		require.True(t, c.HTTPOnly, c.Name)
		require.Equal(t, network.CookieSameSiteStrict, c.SameSite, c.Name)
		require.Equal(t, "/portal", c.Path, c.Name)
	}

	p.click("Log out")
	p.at("Open the portal")
	p.visit("/portal/endpoints")
	p.at("Open the portal")
}

// TestEmpty: every page has something to say to who has nothing yet.
func TestEmpty(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.member(newApplication(t, "Nothing yet"))
	p.walk("/portal", false, func(path string) {
		p.check(path)
		require.Greater(t, len(strings.Fields(ask[string](p, `document.querySelector("main").innerText`))), 5, path)
	})
}

// TestWrongKey: what is no key opens nothing, and says so.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"nonsense", `"><x-ran>`, "eyJhcHBJZCI6IiIsInRva2VuIjoiIn0="} {
		p := open(t)
		p.allow("422") // the console tells of every answer like that
		p.visit("/login#key=" + key)
		p.sees("does not open it")
		p.unharmed(key)
		p.visit("/console/login")
		p.fill("Operator token", key)
		p.click("Log in")
		p.complains("Operator token")
	}
}

// TestWithoutScript: forms and links do everything.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	p := open(t)
	a := newApplication(t, "Without script")
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	p.visit(a.portal(nil))
	p.fill("Link to the portal", a.portal(nil))
	p.click("Open")
	p.at("Overview")
}

// TestKeyboard: the first stop leads past what is the same on every page, and where one
// is can be seen.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.member(newApplication(t, "Keyboard"))
	p.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Skip to content", await[string](p, "the skip link", `document.activeElement.textContent`))
	await[bool](p, "the skip link is shown", `document.activeElement.checkVisibility({opacityProperty: true}) && document.activeElement.getBoundingClientRect().top >= 0`)
	p.do(chromedp.KeyEvent(kb.Enter))
	await[bool](p, "the content has the focus", `document.activeElement.id === "main"`)
	for range 30 {
		p.do(chromedp.KeyEvent(kb.Tab))
		style := ask[string](p, `(e => e === document.body ? "body" : getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow)(document.activeElement)`)
		require.NotEqual(t, "nonenone", style, "the focus is not seen on %s", ask[string](p, "document.activeElement.outerHTML"))
	}
}
