package fanout

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/testkit"
)

// deliveries on all lanes.
func (w *world) deliveries(t *testing.T) []*event.Delivery {
	t.Helper()
	return append(testkit.Deliveries(t, w.nats, event.StreamDeliver), testkit.Deliveries(t, w.nats, event.StreamOverflow)...)
}

// TestWideEvent goes out in many groups: full by number, and full by size.
func TestWideEvent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ events, width, size int }{
		"many endpoints":            {1, 2000, 10},
		"large payload":             {1, 100, event.InlineLimit},
		"many events and endpoints": {30, groupSize, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, widened(t, tt.width))
			events := make([]event.Event, tt.events)
			for i := range events {
				events[i] = w.event(t)
				events[i].Payload = make([]byte, tt.size)
			}
			w.publish(t, "batch", events...)
			w.settled(t, 0)
			type to struct{ event, endpoint event.ID }
			all := make(map[to]bool)
			deliveries := w.deliveries(t)
			for _, d := range deliveries {
				all[to{d.Event, d.Endpoint}] = true
				require.Len(t, d.Payload, tt.size)
			}
			require.Len(t, all, tt.events*tt.width)
			require.Len(t, deliveries, len(all))
		})
	}
}

// TestOthersPassWideEvent keeps the groups of wide events from going out.
func TestOthersPassWideEvent(t *testing.T) {
	t.Parallel()
	w := &world{nats: testkit.NATS(t).URL()}
	w.bus = testkit.Connect(t, w.nats)
	widened(t, 2*groupSize)(w)
	ctx, cancel := context.WithCancel(context.Background())
	var running errgroup.Group
	fan := w.worker(t)
	running.Go(func() error { return fan.run(ctx, context.Background(), event.Whole) })
	for range wideWorkers {
		running.Go(func() error { return fan.runWide(ctx, event.Whole) })
	}
	t.Cleanup(func() {
		cancel()
		require.NoError(t, running.Wait())
	})

	fan.pace.turn <- struct{}{}
	flood := make([]event.Event, 2*wideWorkers)
	for i := range flood {
		flood[i] = w.event(t)
	}
	quiet := w.event(t)
	quiet.Tenant = testkit.Tenant(t, w.store)
	only := testkit.Endpoint(t, w.store, quiet.Tenant, "https://example.com")
	w.publish(t, "batch", slices.Concat(flood, []event.Event{quiet})...)
	testkit.Eventually(t, func() bool { return len(w.deliveries(t)) == 1 }, "the quiet one is delivered")
	w.settled(t, len(flood))
	require.Equal(t, only.ID, w.deliveries(t)[0].Endpoint)

	<-fan.pace.turn
	w.settled(t, 0)
	require.Len(t, w.deliveries(t), 1+len(flood)*2*groupSize)
}

// TestStoppedInWideEvent gives it back, and whoever gets it next looks up what was
// made of it before.
func TestStoppedInWideEvent(t *testing.T) {
	t.Parallel()
	w := start(t, widened(t, 2*groupSize), func(w *world) {
		fan := w.worker(t)
		h, err := new(worker).widely(new(w.event(t)))
		require.NoError(t, err)
		require.NoError(t, w.bus.Publish(t.Context(), h.message))
		fan.pace.turn <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- fan.runWide(ctx, event.Whole) }()
		testkit.Eventually(t, func() bool {
			b, err := w.bus.Backlog(t.Context(), bus.Wide)
			return err == nil && b.Pending == 1
		}, "the event is taken")
		cancel()
		require.NoError(t, <-ended)
	})
	w.settled(t, 0)
	deliveries := w.deliveries(t)
	require.Len(t, deliveries, 2*groupSize)
	for _, d := range deliveries {
		require.True(t, d.Recheck)
	}
}

// widened gives the world a tenant with n endpoints.
func widened(t *testing.T, n int) func(*world) {
	t.Helper()
	url := testkit.Database(t)
	return func(w *world) {
		w.store = testkit.Open(t, url)
		w.tenant = testkit.Tenant(t, w.store)
		widen(t, url, w.tenant, n)
	}
}

// widen gives a tenant n more endpoints, quicker than one by one.
func widen(t *testing.T, url string, tenant event.ID, n int) {
	t.Helper()
	_, err := testkit.SQL(t, url).Exec(t.Context(), `
		WITH quick AS MATERIALIZED (SELECT set_config('session_replication_role', 'replica', false)), made AS (
			INSERT INTO endpoints (id, tenant_id, url)
			SELECT overlay(gen_random_uuid()::text PLACING '0190' FROM 1)::uuid, $1, 'https://example.com' FROM quick, generate_series(1, $2) RETURNING id)
		INSERT INTO endpoint_secrets (id, tenant_id, endpoint_id, secret) SELECT gen_random_uuid(), $1, id, $3 FROM made`,
		[16]byte(tenant), n, signature.GenerateKey().Reveal())
	require.NoError(t, err)
}
