// Package web is what all pages of ours are made with: sessions, headers, templates,
// files, forms, live parts and errors. It knows no page. Package portal tells how to
// add one.
package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

const (
	maxForm = 1 << 20 // bytes
	assets  = "/assets/"
)

// Config is what a site is made of.
type Config struct {
	API      http.Handler // where /api/v1 is
	Parents  []string     // origins of pages that may show ours in a frame
	Brand    Brand
	Stopping <-chan struct{} // closed when live parts are to end; nil: never
	Log      zerolog.Logger
}

// site is all pages at work.
type site struct {
	Config
	header  header
	dress   dress
	streams streams
}

// New returns the pages of some areas and the files that they need, with the API behind
// them for all addresses that are not theirs. It is safe for concurrent use, starts
// nothing, and fails only where a template does.
func New(config Config, areas ...*Area) (http.Handler, error) {
	s := &site{Config: config, header: newHeader(config.Parents), dress: newDress(config.Brand)}
	mux := http.NewServeMux()
	mux.Handle("GET "+assets, files(s.dress))
	for _, area := range areas {
		views, err := parse(area)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", area.Name, err)
		}
		in := &place{site: s, area: area, views: views}
		for _, route := range area.Routes {
			pattern := route.Method + " " + area.Path + route.Path
			if strings.HasSuffix(route.Path, "/") {
				pattern += "{$}"
			}
			mux.Handle(pattern, in.members(route.Do))
		}
		mux.Handle("GET "+area.Path, http.RedirectHandler(area.Path+"/", http.StatusSeeOther))
		mux.Handle("GET "+area.Login, in.anybody(showLogin))
		mux.Handle("POST "+area.Login, in.anybody(login))
		mux.Handle("POST "+area.Path+"/logout", in.members(logout))
		mux.Handle("POST "+area.Path+"/theme", in.anybody(setTheme))
		mux.Handle(area.Path+"/", in.members(func(*Visit) error { return ErrNowhere }))
	}
	pages := http.NewCrossOriginProtection().Handler(s.header.on(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if owns(areas, r.URL.Path) {
			pages.ServeHTTP(w, r)
			return
		}
		s.API.ServeHTTP(w, r) // which has a word of its own about paths that a mux would make others
	}), nil
}

// owns reports whether an address is that of a page or a file.
func owns(areas []*Area, path string) bool {
	return strings.HasPrefix(path, assets) || slices.ContainsFunc(areas, func(area *Area) bool {
		return path == area.Login || path == area.Path || strings.HasPrefix(path, area.Path+"/")
	})
}

// place is an area at work.
type place struct {
	*site
	area  *Area
	views views
}

// members lets an action be done for those who have logged in.
func (p *place) members(do Action) http.Handler {
	return p.anybody(func(v *Visit) error {
		if v.session.Token.IsZero() {
			return p.loggedOut(v)
		}
		return do(v)
	})
}

// anybody makes an action a handler, its errors shown, and what is our fault logged,
// here and nowhere else.
func (p *place) anybody(do Action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		v := p.visit(w, r)
		if err := safely(do, v); err != nil {
			p.explain(v, err) //nolint:contextcheck // it is in the visit
		}
	})
}

// safely makes a panic an error, so that one page cannot end all others.
func safely(do Action, v *Visit) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return do(v)
}
