package deliver

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestBacklog: what waits for an endpoint or for a limit is not what waits for
// deliver, however long it does.
func TestBacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir, err := directory.New(w.store, testkit.Log(t))
	require.NoError(t, err)
	x := &worker{bus: w.bus, store: w.store, directory: dir, metrics: newMetrics(prometheus.NewRegistry())}
	none, err := x.backlog(t.Context())
	require.NoError(t, err)
	require.Zero(t, none)

	d := w.delivery("http://receiver.example")
	deliveries := func(n int, l event.OwnLane) {
		for range n {
			d.Event, d.Tenant = event.NewID(), l.Tenant
			w.publishOwn(d, l)
		}
	}
	deliveries(4, event.OwnLane{Tenant: w.tenant, Endpoint: d.Endpoint}) // the oldest of all: paused, for example
	limited := &store.Tenant{ID: event.NewID(), Name: "limited", ThrottleRate: 1}
	require.NoError(t, w.store.CreateTenant(t.Context(), limited))
	deliveries(3, event.OwnLane{Tenant: limited.ID})
	before := time.Now()
	deliveries(2, event.OwnLane{Tenant: w.tenant})
	deliveries(5, event.OwnLane{Tenant: event.NewID()}) // deleted: met and thrown away
	d.Tenant = w.tenant
	w.publish(d)

	waits, err := x.backlog(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2+5+1, waits.Messages)
	require.WithinRange(t, waits.Oldest, before, time.Now())
	own := func(kind string) int { return int(testutil.ToFloat64(x.metrics.own.WithLabelValues(kind))) }
	require.Equal(t, []int{3 + 2 + 5, 4}, []int{own("tenant"), own("endpoint")})
}
