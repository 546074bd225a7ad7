package browser

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/network"

	"github.com/postrider/postrider/ingest/portal"
)

// patterns tells which page an address is of.
var patterns = sync.OnceValue(func() *http.ServeMux {
	mux := http.NewServeMux()
	for _, pattern := range portal.Pages() {
		if strings.HasSuffix(pattern, "/") {
			pattern += "{$}"
		}
		mux.Handle(pattern, http.NotFoundHandler())
	}
	return mux
})

// pageOf is the pattern of the page at an address, empty where there is none.
func pageOf(path string) string {
	_, pattern := patterns().Handler(httptest.NewRequest(http.MethodGet, path, nil))
	return strings.TrimSuffix(pattern, "{$}")
}

// walk visits every page of an area that links lead to from where the tab is, and has
// each one seen. Of pages that differ only in what they are about, it visits one, or
// with all set every one.
func (p *tab) walk(area string, all bool, see func(path string)) {
	p.t.Helper()
	known := map[string]bool{}
	var queue []string
	note := func() {
		for _, link := range ask[[]string](p, "f.links()") {
			path, ok := strings.CutPrefix(link, p.base)
			path, _, _ = strings.Cut(path, "#")
			shape := path
			if !all {
				shape = shapeOf(path)
			}
			if ok && strings.HasPrefix(path, area+"/") && !known[shape] {
				known[shape] = true
				queue = append(queue, path)
			}
		}
	}
	for note(); len(queue) > 0; queue = queue[1:] {
		p.visit(queue[0])
		see(queue[0])
		note()
	}
}

// unseen lists the pages of an area that were not asked for, whole or as a part of another.
func (p *tab) unseen(area string) []string {
	p.t.Helper()
	var seen []string
	for path := range p.paths() {
		if strings.HasPrefix(path, "/") {
			seen = append(seen, pageOf(path))
		}
	}
	return slices.DeleteFunc(portal.Pages(), func(pattern string) bool {
		return !strings.HasPrefix(pattern, area+"/") || slices.Contains(seen, pattern)
	})
}

// live reports whether a page is none, but a stream of what goes on at one.
func (p *tab) live(pattern string) bool {
	for path, kind := range p.paths() {
		if kind == network.ResourceTypeEventSource && pageOf(path) == pattern {
			return true
		}
	}
	return false
}

// shapeOf is an address without what it is about: the page, and the names of its parameters.
func shapeOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	var parameters []string
	for name := range u.Query() {
		parameters = append(parameters, name)
	}
	slices.Sort(parameters)
	return pageOf(u.Path) + "?" + strings.Join(parameters, "&")
}

// fileOf is a name for a picture of a page.
func fileOf(path string) string {
	return strings.Trim(strings.NewReplacer("/{", "-", "}", "", "/", "-", "?", "-", "&", "-").Replace(shapeOf(path)), "-")
}
