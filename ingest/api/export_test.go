package api

import (
	"net/http"
	"slices"
)

// KeptRoutes are the paths of all POSTs whose answers are kept under their
// idempotency key.
func KeptRoutes() []string {
	var paths []string
	for _, r := range routes() {
		if r.method == http.MethodPost && !slices.Contains(unkept(), r.path) {
			paths = append(paths, r.path)
		}
	}
	return paths
}
