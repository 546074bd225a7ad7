package api

import "net/http"

const preflightAge = "600" // seconds for which a browser need not ask again

// cors lets pages of any origin call the API, as the portal does wherever it is
// served from. That gives a page nothing: what authenticates is a token that it
// must have, and no cookie that a browser would add by itself.
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
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
		header.Set("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		w.WriteHeader(http.StatusNoContent)
	})
}
