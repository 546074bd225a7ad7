package service

import (
	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/event"
)

// The fields of the log that say what a line is about, alike in every stage. Ids are
// as the API shows them.
const (
	FieldEvent    = "event"
	FieldTenant   = "tenant"
	FieldEndpoint = "endpoint"
	FieldDelivery = "delivery" // the attempt that is due, as its message is named on every stream (Nats-Msg-Id)
	FieldAttempt  = "attempt"  // one that was made
	FieldTask     = "task"
	FieldTrace    = "trace" // the id of the trace, of what is traced
)

// Fields are what a line of the log is about; what is zero is left out. It is for
// zerolog's EmbedObject.
type Fields struct {
	Event, Tenant, Endpoint, Attempt, Task event.ID

	Delivery string
	Trace    event.Trace
}

// FieldsOf are those of a delivery.
func FieldsOf(d *event.Delivery) Fields {
	return Fields{Event: d.Event, Tenant: d.Tenant, Endpoint: d.Endpoint, Task: d.Run, Delivery: d.Key(), Trace: d.Trace}
}

// FieldsOfEvent are those of an event.
func FieldsOfEvent(e *event.Event) Fields {
	return Fields{Event: e.ID, Tenant: e.Tenant, Trace: e.Trace}
}

// MarshalZerologObject implements zerolog.LogObjectMarshaler.
func (f Fields) MarshalZerologObject(e *zerolog.Event) {
	for _, id := range []struct {
		field string
		kind  event.Kind
		id    event.ID
	}{
		{FieldEvent, event.Message, f.Event},
		{FieldTenant, event.Tenant, f.Tenant},
		{FieldEndpoint, event.Endpoint, f.Endpoint},
		{FieldAttempt, event.Attempt, f.Attempt},
		{FieldTask, event.Task, f.Task},
	} {
		if !id.id.IsZero() {
			e.Str(id.field, id.kind.Format(id.id))
		}
	}
	if f.Delivery != "" {
		e.Str(FieldDelivery, f.Delivery)
	}
	if id := f.Trace.ID(); id != "" {
		e.Str(FieldTrace, id)
	}
}

// Follows reports whether the log takes what is said of every event on its way, at level
// debug: where it does not, nothing is to be made of it either.
func Follows(log *zerolog.Logger) bool { return log.GetLevel() <= zerolog.DebugLevel }
