package store

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// travelColumns select an event as it travels over a stream, from events e and
// tenants t. A payload that is too large stays where it is and is referred to,
// and so is one that was removed: deliver finds then that it is gone.
func travelColumns() string {
	return fmt.Sprintf(`e.id, e.tenant_id, e.event_type, e.channels, coalesce(e.priority, ''), e.endpoint_id, t.version,
		e.expunged_at IS NOT NULL OR length(e.payload) > %d,
		CASE WHEN e.expunged_at IS NULL AND length(e.payload) <= %[1]d THEN e.payload END`, event.InlineLimit)
}

// scanTravelling reads travelColumns, and what follows them.
func scanTravelling(row pgx.Row, e *event.Event, more ...any) error {
	var only *event.ID
	err := row.Scan(append([]any{
		&e.ID, &e.Tenant, &e.Type, &e.Channels, &e.Priority, &only, &e.Version, &e.Referred, &e.Payload,
	}, more...)...)
	if only != nil {
		e.Endpoint = *only
	}
	return err
}

// travelling is the event as travelColumns would select it.
func travelling(e event.Event) event.Event {
	if len(e.Payload) > event.InlineLimit {
		e.Payload, e.Referred = nil, true
	}
	return e
}
