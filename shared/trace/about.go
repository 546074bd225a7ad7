package trace

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/postrider/postrider/shared/event"
)

// The attributes that OpenTelemetry has no names for.
const (
	keyEvent    = attribute.Key("postrider.event.id")
	keyTenant   = attribute.Key("postrider.tenant.id")
	keyEndpoint = attribute.Key("postrider.endpoint.id")
	keyTask     = attribute.Key("postrider.task.id")        // whose replay it is
	keyAttempt  = attribute.Key("postrider.attempt.id")     // as the API shows it
	keyNumber   = attribute.Key("postrider.attempt.number") // from 1 for the event and for each task
)

// About is what a span is about; what is zero is not told. It is passed as it is,
// and made text of only where there is a span.
type About struct {
	Event, Tenant, Endpoint, Task event.ID

	AttemptID event.ID
	Attempt   int
}

// OfEvent is about an event.
func OfEvent(e *event.Event) About { return About{Event: e.ID, Tenant: e.Tenant} }

// OfDelivery is about a delivery.
func OfDelivery(d *event.Delivery) About {
	return About{Event: d.Event, Tenant: d.Tenant, Endpoint: d.Endpoint, Task: d.Run, Attempt: d.Attempt}
}

func (a *About) attributes() []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 12) // with what is added
	for _, id := range []struct {
		key  attribute.Key
		kind event.Kind
		id   event.ID
	}{
		{keyEvent, event.Message, a.Event},
		{keyTenant, event.Tenant, a.Tenant},
		{keyEndpoint, event.Endpoint, a.Endpoint},
		{keyTask, event.Task, a.Task},
		{keyAttempt, event.Attempt, a.AttemptID},
	} {
		if !id.id.IsZero() {
			all = append(all, id.key.String(id.kind.Format(id.id)))
		}
	}
	if a.Attempt > 0 {
		all = append(all, keyNumber.Int(a.Attempt))
	}
	return all
}
