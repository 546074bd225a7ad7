package fanout

import (
	"slices"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// subscribes reports whether the endpoint wants the event: it is enabled, asks
// for the event's type or for all, and shares a channel with the event or asks
// for no channel.
func subscribes(e *directory.Endpoint, ev *event.Event) bool {
	if e.Disabled {
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
