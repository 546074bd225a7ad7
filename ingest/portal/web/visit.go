package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/shared/secret"
)

// Visit is one request of a visitor, and how it is answered.
type Visit struct {
	API *client.Client // as the visitor has it
	App string         // the application that the visitor is of; empty: an operator

	w       http.ResponseWriter
	r       *http.Request
	in      *place
	session Session
	wrote   bool
}

// visit begins the answer to a request.
func (p *place) visit(w http.ResponseWriter, r *http.Request) *Visit {
	v := &Visit{w: w, r: r, in: p, session: p.session(r)}
	v.App = v.session.App
	v.API = v.as(v.session.Token)
	return v
}

// as is the API as the visitor has it with another token.
func (v *Visit) as(token secret.String) *client.Client { return client.New(v.in.API, token, v.r) }

// Context ends when the visitor goes.
func (v *Visit) Context() context.Context { return v.r.Context() }

// Value is a part of the path: "endpoint" for {endpoint}.
func (v *Visit) Value(name string) string { return v.r.PathValue(name) }

// Query is what stands behind the question mark of the address. It is never nil.
func (v *Visit) Query() url.Values { return v.r.URL.Query() }

// Form is what was filled in. It is empty where the request is no form that can be
// read, or one that is too large.
func (v *Visit) Form() Form {
	if err := v.r.ParseForm(); err != nil {
		return Form{Values: url.Values{}}
	}
	return Form{Values: v.r.PostForm}
}

// Host is the origin that the visitor knows us by, such as "https://hooks.example.com".
func (v *Visit) Host() string {
	scheme := "http"
	if v.secure() {
		scheme = "https"
	}
	return scheme + "://" + v.r.Host
}

// secure reports whether the visitor came by https. A proxy that is not to be trusted
// could only make cookies be sent less.
func (v *Visit) secure() bool {
	return v.r.TLS != nil || v.r.Header.Get("X-Forwarded-Proto") == "https"
}

// partial reports whether htmx asks, for a part of a page that is shown already.
func (v *Visit) partial() bool { return v.r.Header.Get("HX-Request") == "true" }

// Redirect answers what a form did with the page to be shown next, so that reloading
// it does nothing twice. The message is shown there, once; empty: none.
func (v *Visit) Redirect(to, message string) error {
	if message != "" {
		v.setCookie(flashCookie, base64.RawURLEncoding.EncodeToString([]byte(message)), flashLife)
	}
	v.leave(to)
	return nil
}

// leave sends the visitor elsewhere, the whole page and not the part that was asked
// for.
func (v *Visit) leave(to string) {
	v.wrote = true
	if v.partial() {
		v.w.Header().Set("HX-Redirect", to)
		v.w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther) //nolint:gosec // a path of ours, see below
}

// flash is the message of a redirect, which is shown once.
func (v *Visit) flash() string {
	if v.partial() {
		return ""
	}
	cookie, err := v.r.Cookie(v.in.cookieName(flashCookie))
	if err != nil {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || len(text) > maxFlash {
		return ""
	}
	v.dropCookie(flashCookie)
	return string(text)
}

// below reports whether an address is that of a page of the area, and nowhere else.
func (p *place) below(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "" && u.Host == "" && path.Clean(u.Path) == u.Path &&
		strings.HasPrefix(u.Path, p.area.Path+"/") && !strings.Contains(address, `\`)
}
