package fair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

func TestTop(t *testing.T) {
	t.Parallel()
	b := newBench(t, Defaults())
	require.Equal(t, event.Load{}, b.Top(10))
	for range 6 { // four at a time at an endpoint of which nothing is known
		b.put(1, 1)
	}
	b.put(1, 2)
	b.put(2, 1)
	tenant := func(n byte, slots, waiting int) event.Talker {
		return event.Talker{Tenant: event.ID{n}, Slots: slots, Waiting: waiting}
	}
	endpoint := func(n, e byte, slots, waiting int) event.Talker {
		return event.Talker{Tenant: event.ID{n}, Endpoint: event.ID{n, e}, Slots: slots, Waiting: waiting}
	}
	require.Equal(t, event.Load{
		Slots:     6,
		Tenants:   []event.Talker{tenant(1, 5, 2), tenant(2, 1, 0)},
		Endpoints: []event.Talker{endpoint(1, 1, 4, 2), endpoint(1, 2, 1, 0), endpoint(2, 1, 1, 0)},
	}, b.Top(10))
	require.Equal(t, event.Load{
		Slots:     6,
		Tenants:   []event.Talker{tenant(1, 5, 2)},
		Endpoints: []event.Talker{endpoint(1, 1, 4, 2)},
	}, b.Top(1))
	for len(b.running) > 0 {
		b.end(Report{Result: Success}, func(*testJob) bool { return true })
	}
	require.Equal(t, event.Load{}, b.Top(10), "nobody has anything")
}
