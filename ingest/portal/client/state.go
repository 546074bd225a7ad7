package client

import "time"

// Circuit is the circuit breaker of an endpoint.
type Circuit struct {
	State       string     `json:"state"`       // closed, open or half_open
	Since       *time.Time `json:"since"`       // nil: it is closed
	NextProbeAt *time.Time `json:"nextProbeAt"` // nil: likewise
}

// Verification is whether an endpoint has shown that it wants what is sent to it.
type Verification struct {
	State     string     `json:"state"`
	CheckedAt *time.Time `json:"checkedAt"` // nil: it has not ended yet
	Reason    *string    `json:"reason"`    // nil: it has not failed
}
