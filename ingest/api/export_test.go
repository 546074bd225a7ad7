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

// Route is a route as tests see it.
type Route struct {
	Method, Path string
	Decided      bool // who may call it
	Open         bool // to anybody
	Members      bool // of an application may call it
	Posts        bool // messages, which is all that some programs do
	Replays      bool // messages that were posted
}

// Routes are all that there are.
func Routes() []Route {
	var all []Route
	for _, r := range routes() {
		_, members := r.needs()
		all = append(all, Route{
			Members: members, Method: r.method, Path: r.path, Open: r.access == forAll, Posts: r.access == forProducers, Replays: r.access == forReplayers,
			Decided: r.access >= forAll && r.access <= forSecretKeepers,
		})
	}
	return all
}
