// Package receiver is an endpoint that webhooks are delivered to, for trying
// out and for measuring a sender. It checks signatures, counts what arrives,
// recognises what arrives twice, and misbehaves when it is told to.
//
// It measures how long a delivery took from the time that stands in its payload
// as "sent" (Unix nanoseconds) to its arrival. Both are read from the wall
// clock, so whoever writes "sent" must run on the same machine.
package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/shared/signature"
)

// What a receiver keeps in memory at most. The ids are most of it: see
// Options.Remember.
const (
	maxPaths   = 100_000  // with a secret or behaviour of their own: about 500 bytes each
	maxClasses = 256      // up to 190 kB each, for the histogram
	maxWaiting = 10_000   // requests that are being slow on purpose, at once
	maxBody    = 16 << 20 // bytes of one delivery
)

// DefaultRemember is how many deliveries are remembered, in about 160 MB.
const DefaultRemember = 4_000_000

// Options are the settings of a Receiver.
type Options struct {
	// Secrets are the keys ("whsec_…", "whpk_…") by one of which deliveries must be
	// signed whose path has no secret of its own. Without any, they aren't checked.
	Secrets []string

	// Remember caps the number of deliveries (path and webhook-id) that are kept to
	// recognise duplicates, about 40 bytes each. What comes beyond it is counted
	// as forgotten, and nothing else is known about it.
	Remember int

	// Observe is called for each delivery after its answer, concurrently, and may
	// use the body only until it returns. Nil is nobody.
	Observe func(Delivery)
}

// Receiver is an http.Handler: what lies under /_sink/ controls it, every other
// path is an endpoint. It is safe for concurrent use.
type Receiver struct {
	options  Options
	verifier *signature.Verifier // for paths without one; nil checks nothing
	control  *http.ServeMux
	ids      atomic.Int64 // how many are remembered, in all classes
	waiting  atomic.Int64 // how many requests are slow on purpose
	buffers  sync.Pool    // of *bytes.Buffer, for bodies

	mu      sync.RWMutex
	paths   map[string]*path
	classes map[string]*class

	closing context.Context //nolint:containedctx // the life of the receiver, which ends what waits in it
	close   context.CancelCauseFunc
}

// New returns a receiver. Close ends it.
func New(o Options) (*Receiver, error) {
	if o.Remember <= 0 {
		o.Remember = DefaultRemember
	}
	r := &Receiver{options: o, paths: map[string]*path{}, classes: map[string]*class{}}
	if len(o.Secrets) > 0 {
		verifier, err := signature.NewVerifier(signature.DefaultTolerance, o.Secrets...)
		if err != nil {
			return nil, fmt.Errorf("read secrets: %w", err)
		}
		r.verifier = &verifier
	}
	r.control = r.controls()
	r.closing, r.close = context.WithCancelCause(context.Background())
	return r, nil
}

// Close ends all waiting on purpose, so that the server around it can stop.
func (r *Receiver) Close() { r.close(errors.New("receiver is closing")) }

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, controlPath) {
		r.control.ServeHTTP(w, req)
		return
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "This is a webhook endpoint: POST to it. What arrived: "+statsPath, http.StatusMethodNotAllowed)
		return
	}
	r.receive(w, req, time.Now())
}
