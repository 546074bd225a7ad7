package fanout

import (
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// route makes the first delivery of the event to the endpoint and addresses it
// to its lane.
func route(ev *event.Event, e *directory.Endpoint, version int64) (bus.Message, error) {
	d := event.Delivery{
		Event:    ev.ID,
		Tenant:   ev.Tenant,
		Endpoint: e.ID,
		Type:     ev.Type,
		Priority: ev.Priority,
		Version:  version,
		Attempt:  1,
		Recheck:  ev.Recheck,
		Payload:  ev.Payload,
		Referred: ev.Referred,
	}
	data, err := d.Encode()
	if err != nil {
		return bus.Message{}, err
	}
	return bus.Message{Subject: d.Subject(), ID: d.Key(), Data: data}, nil
}
