package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/store"
)

// circuit is the circuit breaker of an endpoint as clients see it.
type circuit struct {
	State       string     `json:"state"`
	Since       *time.Time `json:"since"`       // null: it is closed
	NextProbeAt *time.Time `json:"nextProbeAt"` // null: likewise
}

// The states of a circuit breaker.
const (
	circuitClosed   = "closed"
	circuitOpen     = "open"
	circuitHalfOpen = "half_open" // a probe is under way, or as good as
)

func showCircuit(b *store.Breaker, now time.Time) circuit {
	if b == nil {
		return circuit{State: circuitClosed}
	}
	shown := circuit{State: circuitOpen, Since: none(b.OpenedAt.UTC()), NextProbeAt: none(b.NextProbeAt.UTC())}
	if !now.Before(b.NextProbeAt) {
		shown.State = circuitHalfOpen
	}
	return shown
}

// resetCircuit closes the circuit breaker of an endpoint at the word of somebody
// who knows that the receiver is well again.
func (c *call) resetCircuit(r *http.Request) (reply, error) {
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	if err := c.Store.CloseBreaker(r.Context(), e.Tenant, e.ID); err != nil {
		return reply{}, err
	}
	e.Breaker = nil
	return ok(showEndpoint(e)), nil
}
