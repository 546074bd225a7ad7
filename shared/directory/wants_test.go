package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestWants(t *testing.T) {
	t.Parallel()
	plain := event.Event{Type: "invoice.paid"}
	moment := time.Now()
	accepted := event.Event{ID: event.FloorID(moment), Type: "invoice.paid"}
	one := event.NewID()
	forOne := event.Event{Type: "invoice.paid", Endpoint: one}
	european := event.Event{Type: "invoice.paid", Channels: []string{"eu", "de"}}
	for name, tt := range map[string]struct {
		target store.Target
		event  event.Event
		want   bool
	}{
		"everything":                   {store.Target{}, plain, true},
		"everything, of channels":      {store.Target{}, european, true},
		"disabled":                     {store.Target{Disabled: true}, plain, true},
		"disabled, of another type":    {store.Target{Disabled: true, EventTypes: []string{"invoice.due"}}, plain, false},
		"the type":                     {store.Target{EventTypes: []string{"a", "invoice.paid"}}, plain, true},
		"another type":                 {store.Target{EventTypes: []string{"invoice.due"}}, plain, false},
		"a type that begins like it":   {store.Target{EventTypes: []string{"invoice.paid.late"}}, plain, false},
		"the group of the type":        {store.Target{EventTypes: []string{"invoice"}}, plain, false},
		"no type":                      {store.Target{EventTypes: []string{}}, plain, false},
		"one of the channels":          {store.Target{Channels: []string{"us", "de"}}, european, true},
		"other channels":               {store.Target{Channels: []string{"us"}}, european, false},
		"a channel, event of none":     {store.Target{Channels: []string{"us"}}, plain, false},
		"the type, in another channel": {store.Target{EventTypes: []string{"invoice.paid"}, Channels: []string{"us"}}, european, false},
		"the channel, of another type": {store.Target{EventTypes: []string{"invoice.due"}, Channels: []string{"eu"}}, european, false},
		"type and channel":             {store.Target{EventTypes: []string{"invoice.paid"}, Channels: []string{"eu"}}, european, true},
		"for it alone":                 {store.Target{ID: one, EventTypes: []string{"other"}, Channels: []string{"us"}}, forOne, true},
		"for another alone":            {store.Target{ID: event.NewID()}, forOne, false},
		"made before the event":        {store.Target{ID: event.FloorID(moment.Add(-time.Hour))}, accepted, true},
		"at once after it":             {store.Target{ID: event.FloorID(moment.Add(time.Second))}, accepted, true},
		"made later":                   {store.Target{ID: event.FloorID(moment.Add(time.Minute))}, accepted, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, (&directory.Endpoint{Target: tt.target}).Wants(&tt.event))
		})
	}
}
