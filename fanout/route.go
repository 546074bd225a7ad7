package fanout

import (
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// route makes the first delivery of the event to the endpoint and addresses it to
// its lane, or to the wheel where that is still to come. From there it can come
// long after the stream has forgotten a copy that came otherwise, so it is
// looked up.
func route(ev *event.Event, e *directory.Endpoint, version int64) (bus.Message, error) {
	d := event.Delivery{
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
	data, err := d.Encode()
	if err != nil {
		return bus.Message{}, err
	}
	subject := d.Subject()
	if wait := time.Until(d.Due); wait > 0 {
		subject = event.TierFor(wait).Subject()
	}
	return bus.Message{Subject: subject, ID: d.Key(), Data: data}, nil
}
