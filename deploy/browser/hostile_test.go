package browser

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal"
)

// tricks are what people put into fields to see what happens. Each would leave a trace
// where it is taken for more than text: an element or attribute that is called x-ran,
// or the variable ran. Much in them works in one place of a page only: after the quote
// of an attribute, in a comment, in a script, in a template.
var tricks = map[string]string{
	"markup": `<x-ran></x-ran><script>ran=1</script><img src=x onerror=ran=1 x-ran><iframe srcdoc="<script>parent.ran=1</script>" x-ran></iframe>` +
		`--></title></style></textarea></script></select></pre></code></svg></template><x-ran></x-ran><svg onload=ran=1 x-ran>`,
	"attributes": `" x-ran onfocus="ran=1" autofocus style="position:fixed;inset:0;background:red" ' x-ran onmouseover='ran=1' x=` +
		`<div hx-get="/portal/" hx-trigger="load" hx-on:load="ran=1" data-hx-post="/portal/logout" sse-connect="/" x-ran></div>` +
		`javascript:ran=1//data:text/html,<script>ran=1</script>`,
	"styles": `<style>*{display:none}</style><link rel=stylesheet href=//elsewhere.example/a.css x-ran>}body{display:none}/*` +
		"{{.}}{{7*7}}${ran=1}<%=7*7%>#{7*7}`-ran=1-`';ran=1;//\\';ran=1;//</script><x-ran>",
	"characters": "\u202eright to left\u202c \u0085\u2028\u2029\ufeff\u200b\x1b[31mred\x07 e\u0301\u0327\u0317\u0335 \U0001F469\u200d\U0001F469\u200d\U0001F467 \uffff " +
		"&lt;x-ran&gt; &#60;x-ran&#62; %3Cx-ran%3E \\u003cx-ran\\u003e first\r\nSet-Cookie: ran=1\r\n\r\n<x-ran></x-ran>\nlast\ttab",
	"long": strings.Repeat("unbroken", 100),
}

// TestHostile: whatever customers and receivers write, pages show it as text. All pages
// are visited that there are about it.
func TestHostile(t *testing.T) {
	t.Parallel()
	a := hostile(t)
	for area, enter := range map[string]func(p *tab){
		"/portal":  func(p *tab) { p.member(a) },
		"/console": func(p *tab) { p.operator() },
	} {
		t.Run(strings.Trim(area, "/"), func(t *testing.T) {
			t.Parallel()
			p := open(t)
			enter(p)
			parameters := map[string][]string{} // of a page, by its pattern
			n := 0
			p.walk(area, area == "/portal", func(path string) {
				n++
				p.unharmed(path)
				page := pageOf(path)
				parameters[page] = append(parameters[page], ask[[]string](p, "f.parameters()")...)
			})
			require.Empty(t, p.unseen(area), "no link leads to these")
			t.Logf("%d pages", n)
			p.allow("status of 4", "does not conform to the required format") // browsers tell of what they refuse
			for _, pattern := range portal.Pages() {
				if strings.HasPrefix(pattern, area+"/") && !p.live(pattern) {
					p.misled(pattern, parameters[pattern])
				}
			}
		})
	}
}

// misled visits a page with tricks in its address, where its path has room for some, and
// in all parameters that its forms and links have.
func (p *tab) misled(pattern string, parameters []string) {
	p.t.Helper()
	trick := tricks["attributes"] + tricks["markup"]
	query := url.Values{"iterator": {trick}}
	for _, name := range parameters {
		query.Set(name, trick)
	}
	path := placeholder.ReplaceAllString(pattern, strings.ReplaceAll(url.PathEscape(trick), "$", "$$")) + "?" + query.Encode()
	p.visit(path)
	status, _ := p.answer()
	if status >= http.StatusInternalServerError {
		p.t.Errorf("%s: status %d", path, status)
	}
	p.unharmed(path)
}

// placeholder is what stands for an id in a pattern.
var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// unharmed reports it when a trick was taken for more than text, or broke the page.
func (p *tab) unharmed(path string) {
	p.t.Helper()
	found := ask[[]string](p, `[...document.querySelectorAll("x-ran, [x-ran], [onerror], [onload], [style], iframe, body style, body link")].map(e => e.outerHTML.slice(0, 200)).concat(globalThis.ran ? ["a script ran"] : [])`)
	for _, what := range found {
		p.t.Errorf("%s: taken for more than text: %s", path, what)
	}
	if cookies := ask[string](p, "document.cookie"); cookies != "" {
		p.t.Errorf("%s: a cookie that scripts can read: %s", path, cookies)
	}
	// The frame of the page is whole: all of it was read as it was meant.
	if !ask[bool](p, `["header", "main", "h1"].every(e => { const f = document.querySelector(e); return f && f.checkVisibility() })`) {
		p.t.Errorf("%s: broken: %s", path, p.summary())
	}
	for _, size := range []size{phone, desktop} {
		p.resize(size)
		for _, e := range ask[[]string](p, "f.wide()") {
			p.t.Errorf("%s: wider than %d: %s", path, size.width, e)
		}
	}
}

// hostile makes an application in which every field holds a trick that can hold one,
// and whose receivers answer with more of them.
func hostile(t *testing.T) application {
	t.Helper()
	r := newReceiver(t)
	a := newApplication(t, tricks["markup"]+tricks["attributes"])
	call(t, http.MethodPatch, "/app/"+a.uid, object{"metadata": object{"trick": tricks["markup"]}})
	call(t, http.MethodPost, "/api-key", object{"name": tricks["markup"], "scopes": []string{"publish"}})
	var messages []string
	var last string
	for i, name := range slices.Sorted(maps.Keys(tricks)) {
		raw, trick := tricks[name], line(tricks[name])
		eventType(t, "hostile."+name, object{"description": trick, "schemas": object{"1": object{
			"type": "object", "title": trick, "description": trick,
			"properties": object{trick: object{"type": "string", "description": trick, "enum": []string{trick}, "examples": []string{trick}, "default": trick}},
			"examples":   []object{{trick: trick}},
		}}})
		path := "/" + name
		r.answer(path, answerTrick(i, raw))
		last = a.endpoint(r.URL+path+"?"+urlTrick(trick), object{
			"description": trick, "metadata": object{metadataKey(trick): trick}, "eventTypes": []string{"hostile." + name},
			"headers": object{"X-Trick": headerTrick(trick), "X-Trick-" + fmt.Sprint(i): headerTrick(trick)},
		})
		messages = append(messages, a.post("hostile."+name, object{raw: raw, "deep": object{"list": []string{raw}}}, object{"tags": []string{"a" + name}}))
	}
	for _, message := range messages {
		a.settled(message)
	}
	require.Contains(t, a.answered(messages[0]), []any{"X-!#$%&'*+.^_`|~", "{{7*7}}' x-ran \""}, "there is something to be seen")
	call(t, http.MethodPost, "/app/"+a.uid+"/endpoint/"+last+"/recover", object{"since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	call(t, http.MethodPost, "/app/"+a.uid+"/dlq/redrive", object{"reason": "tls"}) // a job of the kind that the console lists first, which finds nothing
	return a
}

// answerTrick answers with tricks in all that a receiver can write: as a failure or
// not, and as different kinds of content. Headers are kept of failures.
func answerTrick(i int, trick string) http.HandlerFunc {
	kinds := []string{"text/html", "image/svg+xml", "application/json", "text/plain; charset=utf-16", trick}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{headerTrick(kinds[i%len(kinds)])}
		for name, trick := range tricks {
			w.Header()["X-Trick-"+name] = []string{headerTrick(trick)}
		}
		for _, name := range []string{"x-ran", "onload", "style", "x-!#$%&'*+.^_`|~", strings.Repeat("unbroken", 20)} {
			w.Header()[name] = []string{"\u202eright to left\u2066 \u0085\u009b\ufeff\xff\xed\xa0\x80<x-ran>", "{{7*7}}' x-ran \""}
		}
		w.Header()["Set-Cookie"] = []string{"ran=1; Path=/"}
		w.Header()["Content-Disposition"] = []string{"attachment; filename=" + headerTrick(trick)}
		if i%2 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, trick+"\x00\xff\xfe"+trick)
	}
}

// line leaves out what only payloads and answers may hold: the API refuses it elsewhere.
func line(trick string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, trick)
}

// headerTrick leaves out what cannot be in a header.
func headerTrick(trick string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, trick)
}

// urlTrick writes a trick as a query in which only what must be is escaped.
func urlTrick(trick string) string {
	return strings.NewReplacer(" ", "+", "%", "%25", "#", "%23").Replace(headerTrick(trick))
}

// metadataKey is as much of a trick as the name of something may have.
func metadataKey(trick string) string { return string([]rune(trick)[:min(40, len([]rune(trick)))]) }

// settled waits until nothing more will become of a message.
func (a application) settled(message string) {
	a.t.Helper()
	eventually(a.t, func() bool {
		for _, one := range call(a.t, http.MethodGet, "/app/"+a.uid+"/msg/"+message+"/endpoint", nil)["data"].([]any) {
			if state := one.(object)["statusText"]; state == "success" || state == "fail" {
				return true
			}
		}
		return false
	}, "something becomes of "+message)
}

// answered are the headers that were answered to the last attempt with a message.
func (a application) answered(message string) any {
	a.t.Helper()
	attempt := call(a.t, http.MethodGet, "/app/"+a.uid+"/attempt/msg/"+message+"?limit=1", nil)["data"].([]any)[0].(object)["id"].(string)
	return call(a.t, http.MethodGet, "/app/"+a.uid+"/msg/"+message+"/attempt/"+attempt+"/headers", nil)["responseHeaders"]
}
