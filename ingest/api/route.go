package api

import (
	"net/http"
	"path"
	"strings"
)

const prefix = "/api/v1"

// operation is one thing that the API can do. It neither writes the answer nor
// logs: handle does both.
type operation func(*http.Request) (reply, error)

// route leads to an operation.
type route struct {
	method, path string
	do           operation
}

// open are the operations that anybody may call.
func (s *server) open() []route {
	return []route{
		{"GET", "/health", s.health},
		{"GET", "/health/ping", s.ping},
	}
}

// closed are the operations that need the operator's token.
func (s *server) closed() []route {
	const (
		app      = "/app/{app_id}"
		endpoint = app + "/endpoint/{endpoint_id}"
		message  = app + "/msg/{msg_id}"
	)
	return []route{
		{"GET", "/app", s.listApplications},
		{"POST", "/app", s.createApplication},
		{"GET", app, s.getApplication},
		{"PUT", app, s.putApplication},
		{"PATCH", app, s.patchApplication},
		{"DELETE", app, s.deleteApplication},

		{"GET", app + "/endpoint", s.listEndpoints},
		{"POST", app + "/endpoint", s.createEndpoint},
		{"GET", endpoint, s.getEndpoint},
		{"PUT", endpoint, s.putEndpoint},
		{"PATCH", endpoint, s.patchEndpoint},
		{"DELETE", endpoint, s.deleteEndpoint},
		{"GET", endpoint + "/secret", s.getSecret},
		{"POST", endpoint + "/secret/rotate", s.rotateSecret},
		{"GET", endpoint + "/headers", s.getHeaders},
		{"PUT", endpoint + "/headers", s.putHeaders},
		{"PATCH", endpoint + "/headers", s.patchHeaders},
		{"POST", endpoint + "/recover", s.recover},
		{"GET", endpoint + "/stats", s.getStats},
		{"GET", endpoint + "/msg", s.listAttemptedMessages},

		{"GET", endpoint + "/dlq", s.listDeadLetters},
		{"POST", endpoint + "/dlq/redrive", s.redriveAll},
		{"POST", endpoint + "/dlq/{msg_id}/redrive", s.redriveOne},

		{"GET", "/event-type", s.listEventTypes},
		{"POST", "/event-type", s.createEventType},
		{"GET", "/event-type/{name}", s.getEventType},
		{"PUT", "/event-type/{name}", s.putEventType},
		{"PATCH", "/event-type/{name}", s.patchEventType},
		{"DELETE", "/event-type/{name}", s.deleteEventType},

		{"GET", app + "/msg", s.listMessages},
		{"POST", app + "/msg", s.createMessage},
		{"POST", app + "/msg/precheck/active", s.precheck},
		{"GET", message, s.getMessage},
		{"DELETE", message + "/content", s.expungeMessage},
		{"GET", message + "/endpoint", s.listAttemptedDestinations},
		{"POST", message + "/endpoint/{endpoint_id}/resend", s.resend},

		{"GET", app + "/attempt/endpoint/{endpoint_id}", s.listAttemptsOfEndpoint},
		{"GET", app + "/attempt/msg/{msg_id}", s.listAttemptsOfMessage},
		{"GET", message + "/attempt/{attempt_id}", s.getAttempt},
		{"DELETE", message + "/attempt/{attempt_id}/content", s.expungeAttempt},

		{"GET", "/background-task", s.listTasks},
		{"GET", "/background-task/{task_id}", s.getTask},
	}
}

// handler puts all routes together. Whatever leads nowhere is answered in the
// shape of all other errors, since clients parse them.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	add := func(routes []route, wrap func(operation) operation) {
		for _, r := range routes {
			mux.Handle(r.method+" "+prefix+r.path, s.handle(wrap(r.do)))
			methods[r.path] = append(methods[r.path], r.method)
		}
	}
	add(s.open(), func(do operation) operation { return do })
	add(s.closed(), s.authorized)
	for path, allowed := range methods {
		mux.Handle(prefix+path, s.handle(notAllowed(allowed)))
	}
	mux.Handle("/", s.handle(nowhere))
	return tidy(mux, s.handle(nowhere))
}

// tidy takes one slash off the end of the path. Paths that the mux would answer
// with a redirect to where they might mean lead nowhere.
func tidy(next, nowhere http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trimmed, ok := strings.CutSuffix(r.URL.Path, "/"); ok && trimmed != "" {
			r = r.Clone(r.Context())
			r.URL.Path = trimmed
			r.URL.RawPath = strings.TrimSuffix(r.URL.RawPath, "/")
		}
		if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped {
			nowhere.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func nowhere(*http.Request) (reply, error) { return reply{}, notFound() }

func notAllowed(methods []string) operation {
	return func(*http.Request) (reply, error) {
		return reply{}, &problem{
			status: http.StatusMethodNotAllowed, code: "method_not_allowed", detail: "Method not allowed",
			header: http.Header{"Allow": {strings.Join(methods, ", ")}},
		}
	}
}
