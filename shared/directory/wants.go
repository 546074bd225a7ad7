package directory

import (
	"slices"

	"github.com/postrider/postrider/shared/event"
)

// Wants reports whether the event is for the endpoint: it asks for the event's
// type or for all, and shares a channel with the event or asks for no channel.
// What an event for one endpoint alone is like does not matter. An event that
// comes again long after it was accepted is not for an endpoint that was made
// meanwhile.
func (e *Endpoint) Wants(ev *event.Event) bool {
	if !ev.Endpoint.IsZero() {
		return e.ID == ev.Endpoint
	}
	if e.ID.Compare(ev.Until()) >= 0 {
		return false
	}
	if e.EventTypes != nil && !slices.Contains(e.EventTypes, ev.Type) {
		return false
	}
	if e.Channels == nil {
		return true
	}
	return slices.ContainsFunc(ev.Channels, func(c string) bool { return slices.Contains(e.Channels, c) })
}
