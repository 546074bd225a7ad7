package fanout

import (
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/trace"
)

// hop is a delivery on its way out: as a message, with the own lane that the
// message goes to, if it goes to one.
type hop struct {
	message bus.Message
	kind    string // as counted in the metrics
	lane    event.OwnLane
	span    trace.Span // of its way there
}

// route makes the first delivery of the event to the endpoint and addresses it to
// its lane, or to the wheel where that is still to come. From there it can come
// long after the stream has forgotten a copy that came otherwise, so it is
// looked up. What is due at an endpoint that is disabled is a dead letter at once;
// of what is for later deliver decides that when its time has come.
func (w *worker) route(ev *event.Event, e *directory.Endpoint, again bool) (hop, error) {
	d := delivery(ev, e)
	now := time.Now()
	h := hop{message: bus.Message{Tenant: d.Tenant, ID: d.Key()}}
	switch wait := d.Due.Sub(now); {
	case !d.Due.IsZero() && wait > 0:
		h.kind, h.message.Subject = later, event.TierFor(wait).Subject()
	case e.Disabled:
		h.kind, h.message.Subject = notSent, d.DLQSubject()
		d = d.NotSent()
		h.message.ID = d.Key()
	default:
		h.lane = w.lanes.choose(e, &d, again, now)
		if h.lane.IsZero() {
			h.kind, h.message.Subject = shared, d.Subject()
			break
		}
		h.kind, h.message.Subject, h.message.ID = h.lane.Kind(), h.lane.Subject(), h.lane.MessageID(&d)
	}
	h.span = w.trace.Send(d.Trace, h.message.Subject, trace.OfDelivery(&d))
	d.Trace = h.span.Or(d.Trace)
	var err error
	h.message.Data, err = d.Encode()
	return h, err
}

func delivery(ev *event.Event, e *directory.Endpoint) event.Delivery {
	d := ev.To(e.ID)
	d.Version = e.Tenant.Version
	d.Recheck = ev.Recheck || !ev.DeliverAt.IsZero()
	if e.Ordered { // many of its deliveries are in memory until it is known which is first
		d.Payload, d.Referred = nil, true
	}
	return d
}
