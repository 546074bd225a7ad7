package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/postrider/postrider/shared/signature"
)

// Where the control API is. It has no password: a sink is not for the world.
const (
	controlPath = "/_sink/"
	statsPath   = controlPath + "stats"
)

// Setting is the body of POST /_sink/secret and POST /_sink/behaviour.
type Setting struct {
	Path string `json:"path"`

	// Secret is what deliveries to the path must be signed with ("whsec_…",
	// "whpk_…"). With an empty one all that is known about the path is forgotten.
	Secret string `json:"secret,omitempty"`

	// Behaviour overrides the query of the endpoint's URL and is written like it:
	// "fail=all&status=503". An empty one ends that.
	Behaviour string `json:"behaviour,omitempty"`
}

// controls is the control API:
//
//	GET    /_sink/stats           what arrived, as Stats
//	DELETE /_sink/stats?class=x   forget what was counted; without class, all of it
//	POST   /_sink/secret          check the signatures of a path
//	POST   /_sink/behaviour       tell a path how to behave
func (r *Receiver) controls() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statsPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r.Stats()) // who asked has left
	})
	mux.HandleFunc("DELETE "+statsPath, func(w http.ResponseWriter, req *http.Request) {
		r.Reset(req.URL.Query().Get("class"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST "+controlPath+"secret", setting(func(s Setting) error {
		return r.SetSecret(s.Path, s.Secret)
	}))
	mux.HandleFunc("POST "+controlPath+"behaviour", setting(func(s Setting) error {
		return r.SetBehaviour(s.Path, s.Behaviour)
	}))
	return mux
}

func setting(apply func(Setting) error) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var s Setting
		err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<16)).Decode(&s)
		if err == nil && (s.Path == "" || s.Path[0] != '/') {
			err = errors.New("path must start with a slash")
		}
		if err == nil {
			err = apply(s)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// SetSecret makes the path check signatures; an empty secret forgets the path.
func (r *Receiver) SetSecret(name, secret string) error {
	if secret == "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.paths, name)
		return nil
	}
	verifier, err := signature.NewVerifier(signature.DefaultTolerance, secret)
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	p, err := r.path(name)
	if err != nil {
		return fmt.Errorf("set secret: %w", err)
	}
	p.verifier.Store(&verifier)
	return nil
}

// SetBehaviour makes the path behave as the query says, whatever its URL says.
// With an empty query the URL has its way again.
func (r *Receiver) SetBehaviour(name, query string) error {
	p, err := r.path(name)
	if err != nil {
		return fmt.Errorf("set behaviour: %w", err)
	}
	if query == "" {
		p.fixed.Store(nil)
		return nil
	}
	fixed, err := newPlan(name, query)
	if err != nil {
		return err
	}
	p.fixed.Store(fixed)
	return nil
}
