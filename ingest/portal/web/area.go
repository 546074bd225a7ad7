package web

import (
	"context"
	"io/fs"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/shared/secret"
)

// Area is one of the parts of the site: the portal's pages or the console's. Each has
// a path, visitors and a cookie of its own.
type Area struct {
	Name  string // of its cookie, and of its part of the templates
	Title string // such as "Console"
	Path  string // that all its pages are below, such as "/console"; the cookie is sent nowhere else
	Login string // path of the page to log in at
	Life  time.Duration

	// Enter finds out whose key was given at the login page, by asking the API.
	Enter func(ctx context.Context, key string, as func(token secret.String) *client.Client) (Session, error)

	// Who names whom the pages are shown to, at the top of each; empty where that cannot
	// be known.
	Who func(*Visit) string

	Nav    []Link
	Routes []Route
	Files  fs.FS // templates/*.html, one for each page, login.html, and parts.html for what several share
}

// Session is what a cookie holds: a token of the API, and the application that it is
// for. The server keeps nothing of it.
type Session struct {
	App   string // empty: a token of an operator
	Token secret.String
}

// Link leads to a page from the navigation.
type Link struct{ Label, Path string }

// Route is where a page or an action is, and what does it.
type Route struct {
	Method string // GET or POST, all that forms know
	Path   string // below the area's, in the notation of http.ServeMux: "/endpoints/{endpoint}"
	Do     Action
}

// Action answers one request, by Render, Redirect or Live. An error is answered with a
// page that explains it, if nothing has been written.
type Action func(*Visit) error

// Get is the route of a page.
func Get(path string, do Action) Route { return Route{"GET", path, do} }

// Post is the route of what a form does.
func Post(path string, do Action) Route { return Route{"POST", path, do} }
