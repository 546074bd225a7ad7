package fanout

import (
	"time"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// route makes the first delivery of the event to the endpoint and addresses it to
// its lane, or to the wheel where that is still to come. From there it can come
// long after the stream has forgotten a copy that came otherwise, so it is
// looked up. What is due at an endpoint that is disabled is a dead letter at once;
// of what is for later deliver decides that when its time has come.
func route(ev *event.Event, e *directory.Endpoint, version int64) (d event.Delivery, subject string) {
	d = event.Delivery{
		Event:    ev.ID,
		Tenant:   ev.Tenant,
		Endpoint: e.ID,
		Type:     ev.Type,
		Priority: ev.Priority,
		Version:  version,
		Attempt:  1,
		Due:      ev.DeliverAt,
		Expires:  ev.Expires,
		Recheck:  ev.Recheck || !ev.DeliverAt.IsZero(),
		Payload:  ev.Payload,
		Referred: ev.Referred,
	}
	switch wait := time.Until(d.Due); {
	case wait > 0:
		return d, event.TierFor(wait).Subject()
	case e.Disabled:
		return d.NotSent(), d.DLQSubject()
	default:
		return d, d.Subject()
	}
}
