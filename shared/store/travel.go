package store

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// gone is true of events whose payload was removed, or is due to be: from then on
// nobody gets it, whenever it is that somebody comes round to removing it.
const gone = `(expunged_at IS NOT NULL OR coalesce(expires_at <= now(), false))`

// travelColumns select an event as it travels over a stream, from events e and
// tenants t. A payload that is too large stays where it is and is referred to,
// and so is one that is gone: deliver finds then that it is.
func travelColumns() string {
	return fmt.Sprintf(`e.id, e.tenant_id, e.event_type, e.channels, coalesce(e.priority, ''), e.endpoint_id, e.deliver_at, e.expires_at, t.version, e.tx, coalesce(e.traceparent, ''),
		%[1]s OR length(e.payload) > %[2]d, CASE WHEN NOT %[1]s AND length(e.payload) <= %[2]d THEN e.payload END`, gone, event.InlineLimit)
}

// scanTravelling reads travelColumns, and what follows them.
func scanTravelling(row pgx.Row, e *event.Event, more ...any) error {
	var only *event.ID
	var deliverAt, expires *time.Time
	err := row.Scan(append([]any{
		&e.ID, &e.Tenant, &e.Type, &e.Channels, &e.Priority, &only, &deliverAt, &expires, &e.Version, &e.Tx, &e.Trace, &e.Referred, &e.Payload,
	}, more...)...)
	if only != nil {
		e.Endpoint = *only
	}
	e.DeliverAt, e.Expires = timeOf(deliverAt), timeOf(expires)
	return err
}

// travelling is the event as travelColumns would select it.
func travelling(e event.Event) event.Event {
	if len(e.Payload) > event.InlineLimit {
		e.Payload, e.Referred = nil, true
	}
	return e
}
