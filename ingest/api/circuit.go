package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
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

// openCircuit is the circuit breaker of an endpoint among those of all.
type openCircuit struct {
	AppID      *string `json:"appId"` // null: of operational webhooks
	EndpointID string  `json:"endpointId"`
	URL        string  `json:"url"`
	circuit
	FailedProbes int `json:"failedProbes"`
}

// listCircuits lists the endpoints of all applications whose circuit breaker is open.
func (c *call) listCircuits(r *http.Request) (reply, error) {
	p := readParams(r)
	page, app := p.page(event.Endpoint, p.ascending(true)), p.name("app_id")
	if err := p.err(); err != nil {
		return reply{}, err
	}
	tenant, _, err := c.owner(r, named{app: app})
	if err != nil {
		return reply{}, err
	}
	broken, more, err := c.Store.BrokenEndpoints(r.Context(), tenant, page)
	if err != nil {
		return reply{}, err
	}
	now := time.Now()
	show := func(b *store.Broken) openCircuit {
		return openCircuit{showOwner(b.Tenant), event.Endpoint.Format(b.Endpoint), b.URL, showCircuit(&b.Breaker, now), b.FailedProbes}
	}
	return listOf(broken, more, show, func(b *store.Broken) string { return event.Endpoint.Format(b.Endpoint) }), nil
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
