package directory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestHome(t *testing.T) {
	t.Parallel()
	tenant, endpoint, asks := event.NewID(), event.NewID(), event.NewID()
	var (
		shared = event.OwnLane{}
		its    = event.OwnLane{Tenant: tenant, Endpoint: endpoint}
		theirs = event.OwnLane{Tenant: tenant}
	)
	for name, c := range map[string]struct {
		target store.Target
		rate   int      // of the tenant
		run    event.ID // that brings the delivery
		want   event.OwnLane
	}{
		"as most":                   {want: shared},
		"disabled":                  {target: store.Target{Disabled: true}, want: shared},
		"ordered":                   {target: store.Target{Ordered: true}, want: its},
		"paused":                    {target: store.Target{Paused: true}, want: its},
		"limited":                   {target: store.Target{ThrottleRate: 5}, want: its},
		"broken":                    {target: store.Target{Breaker: &store.Breaker{}}, want: its},
		"limited tenant":            {rate: 5, want: theirs},
		"limited, and so is tenant": {target: store.Target{ThrottleRate: 1}, rate: 5, want: its},
		"paused, but the challenge": {target: store.Target{Paused: true, Ordered: true, Challenge: asks}, want: shared},
		"paused, sent again":        {target: store.Target{Paused: true, Challenge: asks}, run: event.NewID(), want: its},
		"paused, another challenge": {target: store.Target{Paused: true, Challenge: event.NewID()}, want: its},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.target.ID = endpoint
			e := directory.Endpoint{Target: c.target, Tenant: &directory.Tenant{ID: tenant, ThrottleRate: c.rate}}
			require.Equal(t, c.want, e.Home(&event.Delivery{Event: asks, Run: c.run}))
		})
	}
}
