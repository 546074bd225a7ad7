package api

import (
	"net/http"
	"slices"
)

const (
	preflightAge = "600" // seconds for which a browser need not ask again
	anyOrigin    = "*"
)

// cors lets pages of some origins call the API, as portals do that are served from
// elsewhere. It never lets a browser send along what it keeps for us: what
// authenticates is a token that the page must have. Pages of other origins are told
// nothing, so that their browsers keep our answers from them.
func cors(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		allowed := anyOrigin
		if !slices.Contains(origins, anyOrigin) {
			header.Set("Vary", "Origin") // whatever is answered
			if allowed = r.Header.Get("Origin"); !slices.Contains(origins, allowed) {
				next.ServeHTTP(w, r)
				return
			}
		}
		header.Set("Access-Control-Allow-Origin", allowed)
		header.Set("Access-Control-Expose-Headers", "*")
		wanted := r.Header.Get("Access-Control-Request-Method")
		if r.Method != http.MethodOptions || wanted == "" {
			next.ServeHTTP(w, r)
			return
		}
		header.Set("Access-Control-Allow-Methods", wanted)
		if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
			header.Set("Access-Control-Allow-Headers", headers)
		}
		header.Set("Access-Control-Max-Age", preflightAge)
		header.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		w.WriteHeader(http.StatusNoContent)
	})
}
