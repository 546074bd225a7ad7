package directory

import "github.com/postrider/postrider/shared/event"

// Home is the own lane that a delivery to the endpoint belongs in by what is set
// and known of that; the zero value when the shared lanes are good enough. Fanout
// asks for what is new and deliver for what was on its way before: both ask here,
// so that a delivery is not sent back and forth.
func (e *Endpoint) Home(d *event.Delivery) event.OwnLane {
	switch {
	case e.Asks(d):
		return event.OwnLane{}
	case e.Ordered, e.Paused, e.ThrottleRate > 0, e.Breaker != nil:
		return event.OwnLane{Tenant: e.Tenant.ID, Endpoint: e.ID}
	case e.Tenant.ThrottleRate > 0:
		return event.OwnLane{Tenant: e.Tenant.ID}
	default:
		return event.OwnLane{}
	}
}

// Asks reports whether the delivery is the challenge that the endpoint is asked with
// now. What holds others up does not hold up that: they may wait for its answer. What
// somebody has sent again is none.
func (e *Endpoint) Asks(d *event.Delivery) bool {
	return !e.Challenge.IsZero() && e.Challenge == d.Event && d.Run.IsZero()
}
