package api

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/api/docs"
)

const prefix = "/api/v1"

// operation is one thing that the API can do. It neither writes the answer nor
// logs: handle does both.
type operation func(*call, *http.Request) (reply, error)

// route leads to an operation and says who may call it.
type route struct {
	method, path string
	access       access
	do           operation
}

// The beginnings of many paths.
const (
	appPath      = "/app/{app_id}"
	endpointPath = appPath + "/endpoint/{endpoint_id}"
	messagePath  = appPath + "/msg/{msg_id}"
	batchPath    = appPath + "/msg/batch"
)

// routes are all that there are; each resource says its own.
func routes() []route {
	return slices.Concat(
		healthRoutes(),
		apiKeyRoutes(),
		tokenRoutes(),
		applicationRoutes(),
		endpointRoutes(),
		verificationRoutes(),
		secretRoutes(),
		headerRoutes(),
		tlsRoutes(),
		oauthRoutes(),
		eventTypeRoutes(),
		retryScheduleRoutes(),
		importRoutes(),
		messageRoutes(),
		exampleRoutes(),
		timelineRoutes(),
		expungeRoutes(),
		deliveryRoutes(),
		attemptRoutes(),
		activityRoutes(),
		pollerRoutes(),
		replayRoutes(),
		deadLetterRoutes(),
		talkerRoutes(),
		processRoutes(),
		streamRoutes(),
		laneRoutes(),
		taskRoutes(),
		operationalRoutes(),
	)
}

// handler puts all routes together. Whatever leads nowhere is answered in the
// shape of all other errors, since clients parse them.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	for _, r := range routes() {
		mux.Handle(r.method+" "+prefix+r.path, s.handle(r))
		methods[prefix+r.path] = append(methods[prefix+r.path], r.method)
	}
	for path, page := range docs.Handlers() {
		mux.Handle("GET "+path, page)
		methods[path] = []string{http.MethodGet}
	}
	for path, allowed := range methods {
		if covered(path, methods) {
			continue
		}
		mux.Handle(path, s.handle(route{access: forAll, do: notAllowed(allowed)}))
	}
	lost := s.handle(route{access: forAll, do: nowhere})
	mux.Handle("/", lost)
	return cors(s.Origins, tidy(mux, lost))
}

// covered reports whether another path of ours stands for this one too, as
// /msg/{msg_id} does for /msg/batch. Other methods are then the other's to answer.
func covered(path string, methods map[string][]string) bool {
	segments := strings.Split(path, "/")
	for other := range methods {
		wild := strings.Split(other, "/")
		stands := other != path && len(wild) == len(segments)
		for i := 0; stands && i < len(wild); i++ {
			stands = wild[i] == segments[i] || strings.HasPrefix(wild[i], "{")
		}
		if stands {
			return true
		}
	}
	return false
}

// tidy takes one slash off the end of the path. Paths that the mux would answer
// with a redirect to where they might mean lead nowhere.
func tidy(next, nowhere http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A slash that is escaped is part of a name.
		if trimmed, ok := strings.CutSuffix(r.URL.EscapedPath(), "/"); ok && trimmed != "" {
			r = r.Clone(r.Context())
			r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
			r.URL.RawPath = strings.TrimSuffix(r.URL.RawPath, "/")
		}
		if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped {
			nowhere.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func nowhere(*call, *http.Request) (reply, error) { return reply{}, notFound() }

func notAllowed(methods []string) operation {
	return func(*call, *http.Request) (reply, error) {
		return reply{}, &problem{
			status: http.StatusMethodNotAllowed, code: "method_not_allowed", detail: "Method not allowed",
			header: http.Header{"Allow": {strings.Join(methods, ", ")}},
		}
	}
}
