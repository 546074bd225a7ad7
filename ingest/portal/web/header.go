package web

import (
	"net/http"
	"strings"
)

// header is what every answer says to the browser about what it may do with it.
type header struct{ policy string }

// newHeader allows pages of some origins to show ours in a frame. Nothing is loaded
// from elsewhere, and nothing that stands in a page itself is run or styles it: what a
// customer or a receiver wrote stays text even where a template forgot to say so.
func newHeader(parents []string) header {
	ancestors := "'none'"
	if len(parents) > 0 {
		ancestors = strings.Join(parents, " ")
	}
	return header{policy: strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
		"form-action 'self'", "base-uri 'none'", "frame-ancestors " + ancestors,
	}, "; ")}
}

// on writes it before anything is answered.
func (h header) on(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", h.policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-store") // what is a file says otherwise
		next.ServeHTTP(w, r)
	})
}
