package directory

import "github.com/postrider/postrider/shared/event"

// Home is the own lane that deliveries to the endpoint belong in by what is set
// and known of it; the zero value when the shared lanes are good enough. Fanout
// asks for what is new and deliver for what was on its way before: both ask here,
// so that a delivery is not sent back and forth.
func (e *Endpoint) Home() event.OwnLane {
	switch {
	case e.Ordered, e.Paused, e.ThrottleRate > 0, e.Breaker != nil:
		return event.OwnLane{Tenant: e.Tenant.ID, Endpoint: e.ID}
	case e.Tenant.ThrottleRate > 0:
		return event.OwnLane{Tenant: e.Tenant.ID}
	default:
		return event.OwnLane{}
	}
}
