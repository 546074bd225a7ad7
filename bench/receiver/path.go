package receiver

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/shared/signature"
)

// path is an endpoint.
type path struct {
	verifier atomic.Pointer[signature.Verifier] // nil: that of the receiver
	fixed    atomic.Pointer[plan]               // set by the control API
	asked    atomic.Pointer[plan]               // by the URL, the last one seen
}

// plan is a behaviour ready for use.
type plan struct {
	query string
	behaviour
}

var errTooManyPaths = errors.New("more paths than this sink keeps")

// path returns the endpoint of that name, which is new when it was never heard of.
func (r *Receiver) path(name string) (*path, error) {
	r.mu.RLock()
	p := r.paths[name]
	r.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.paths[name]; p != nil {
		return p, nil
	}
	if len(r.paths) >= maxPaths {
		return nil, errTooManyPaths
	}
	p = &path{}
	r.paths[name] = p
	return p, nil
}

// plan says how the endpoint behaves: as the control API told it, else as the
// query of this request says. Queries hardly ever differ between two requests to
// one path, so one parsed query is kept.
func (p *path) plan(name, query string) (*plan, error) {
	if fixed := p.fixed.Load(); fixed != nil {
		return fixed, nil
	}
	if asked := p.asked.Load(); asked != nil && asked.query == query {
		return asked, nil
	}
	asked, err := newPlan(name, query)
	if err == nil {
		p.asked.Store(asked)
	}
	return asked, err
}

func newPlan(name, query string) (*plan, error) {
	b, err := parseBehaviour(query)
	if err != nil {
		return nil, err
	}
	if b.class == "" {
		b.class = name
	}
	return &plan{query: query, behaviour: b}, nil
}

// Verdict is what was found about a delivery's signature.
type Verdict string

// The verdicts that are not an error's text.
const (
	Genuine   Verdict = "signature ok"
	Unchecked Verdict = "signature not checked (no secret given)"
)

// judge checks a delivery's signature. The error is a signature.VerifyError.
func (r *Receiver) judge(p *path, header http.Header, body []byte, now time.Time) (Verdict, error) {
	verifier := p.verifier.Load()
	if verifier == nil {
		verifier = r.verifier
	}
	if verifier == nil {
		return Unchecked, nil
	}
	if err := verifier.Verify(header, body, now); err != nil {
		return Verdict("SIGNATURE BAD: " + err.Error()), err
	}
	return Genuine, nil
}
