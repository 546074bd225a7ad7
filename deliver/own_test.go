package deliver

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// pause pauses the endpoint of the delivery, or resumes it, and has the delivery
// know of that.
func (w *world) pause(d *event.Delivery, paused bool) {
	w.t.Helper()
	_, err := w.store.PauseEndpoint(w.t.Context(), w.tenant, store.Ref{ID: d.Endpoint}, paused)
	require.NoError(w.t, err)
	now, err := w.store.Snapshot(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	d.Version = now.Version
}

// publishOwn publishes a delivery to the lane, as fanout would.
func (w *world) publishOwn(d *event.Delivery, l event.OwnLane) {
	w.t.Helper()
	data, err := d.Encode()
	require.NoError(w.t, err)
	require.NoError(w.t, w.bus.Publish(w.t.Context(), bus.Message{Subject: l.Subject(), ID: l.MessageID(d), Data: data}))
	w.bus.Signal(l)
}

// waiting waits until n deliveries are in the lane, and none on DELIVER.
func (w *world) waiting(l event.OwnLane, n int) {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool {
		holds, err := w.bus.LaneHolds(w.t.Context(), l)
		require.NoError(w.t, err)
		return holds == n && testkit.StreamMessages(w.t, w.nats, event.StreamDeliver) == 0
	}, "%d deliveries are in lane %s", n, l.Subject())
}

func laneOf(d *event.Delivery) event.OwnLane {
	return event.OwnLane{Tenant: d.Tenant, Endpoint: d.Endpoint}
}

// TestPausedWaitsInItsLane follows deliveries to an endpoint that is paused and
// then resumed.
func TestPausedWaitsInItsLane(t *testing.T) {
	t.Parallel()
	for name, attempt := range map[string]int{"first attempt": 1, "retry": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, calls := answering(t, http.StatusOK)
			d := w.delivery(url)
			d.Attempt = attempt
			w.pause(d, true)
			w.start()
			w.publish(d)
			w.waiting(laneOf(d), 1)
			require.Equal(t, []*event.Delivery{d}, testkit.Deliveries(t, w.nats, event.StreamOverflow), "as it was")
			require.Equal(t, laneOf(d).MessageID(d), testkit.Messages(t, w.nats, event.StreamOverflow)[0].ID)
			_, err := w.bus.Backlog(t.Context(), bus.OwnLaneConsumer(laneOf(d)))
			require.Error(t, err, "what waits has no consumer")
			require.Zero(t, calls.Load())

			w.pause(d, false)
			w.acknowledged(0)
			require.EqualValues(t, 1, calls.Load())
			attempts := w.attempts()
			require.Len(t, attempts, 1)
			require.Equal(t, []any{attempt, "endpoint"}, []any{attempts[0].Number, attempts[0].Lane})
			w.nothingOn(event.StreamRetry, event.StreamDLQ)
		})
	}
}

// TestPausedAndDisabled has a delivery that waits end when its endpoint is
// disabled: it must not wait for a day that may never come.
func TestPausedAndDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.pause(d, true)
	w.start()
	w.publish(d)
	w.waiting(laneOf(d), 1)
	w.disable(d)
	w.acknowledged(0)
	dead := testkit.Deliveries(t, w.nats, event.StreamDLQ)
	require.Len(t, dead, 1)
	require.Equal(t, []any{"endpoint_disabled", 0}, []any{dead[0].Reason, dead[0].Attempt})
	require.Empty(t, w.attempts())
}

// TestMovedAgain is a worker that died after it had moved a delivery.
func TestMovedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.pause(d, true)
	w.publish(d)
	w.giveBack(d.Lane(), 1)
	w.start()
	w.waiting(laneOf(d), 1)
	require.True(t, testkit.Deliveries(t, w.nats, event.StreamOverflow)[0].Recheck, "another copy may be on its way")
}

// TestPausedDoesNotHoldUpOthers puts the queue of a paused endpoint before a
// delivery of the same tenant.
func TestPausedDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, got := catch(t)
	paused := w.delivery("https://paused.example/")
	quick := w.delivery(r.URL)
	w.pause(paused, true)
	const queue = 500
	for range queue {
		one := *paused
		one.Event = event.NewID()
		w.publish(&one)
	}
	w.publish(quick)
	w.start()
	<-got
	w.waiting(laneOf(paused), queue)
	require.Len(t, w.attempts(), 1)
	w.nothingInMemory()
}

// TestMovedOnFromTheTenantsLane is a delivery that met its endpoint's pause in the
// lane of its tenant.
func TestMovedOnFromTheTenantsLane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.pause(d, true)
	w.publishOwn(d, event.OwnLane{Tenant: d.Tenant})
	w.start()
	w.waiting(laneOf(d), 1)
	w.pause(d, false)
	w.acknowledged(0)
	require.EqualValues(t, 1, calls.Load())
}

// TestBacklogOfAnOwnLane has a lane worked off while it is paused and resumed:
// everything arrives once.
func TestBacklogOfAnOwnLane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	const n = 300
	for range n {
		one := *d
		one.Event = event.NewID()
		w.publishOwn(&one, laneOf(d))
	}
	w.start()
	testkit.Eventually(t, func() bool { return calls.Load() > n/10 }, "it has begun")
	w.pause(d, true)
	w.pause(d, false)
	w.acknowledged(0)
	require.EqualValues(t, n, calls.Load())
	require.Len(t, w.attempts(), n)
	w.nothingInMemory()
}

// TestUnknownTenantWhileTheDatabaseIsAway: nobody else waits for the look-up.
func TestUnknownTenantWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.start()
	testkit.Receive(t, w.watched)
	w.publish(d)
	w.acknowledged(0)
	end := testkit.Outage(t, w.database)
	unknown := *d
	for event.LaneOf(event.First, unknown.Tenant) != d.Lane() || unknown.Tenant == d.Tenant {
		unknown.Tenant = event.NewID()
	}
	w.publish(&unknown)
	known := *d
	known.Event = event.NewID()
	w.publish(&known)
	testkit.Eventually(t, func() bool { return calls.Load() == 2 }, "who is known is delivered to")
	end()
	w.acknowledged(0)
	w.nothingInMemory()
}

// TestFloodGoesToTheTenantsLane has more first attempts come than the tenant's
// queue takes: they are made all the same, and nothing of a neighbour waits.
func TestFloodGoesToTheTenantsLane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	const n = 400
	for range n {
		one := *d
		one.Event = event.NewID()
		w.publish(&one)
	}
	w.start()
	w.acknowledged(0)
	require.EqualValues(t, n, calls.Load())
	require.Len(t, w.attempts(), n)
	w.nothingInMemory()
}

// TestBreaker has an endpoint fail until its breaker opens, and recover: what came
// meanwhile waits in its lane and arrives.
func TestBreaker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var works atomic.Bool
	var taken atomic.Int32
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if !works.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken.Add(1)
	})
	d := w.delivery(r.URL)
	send := func() {
		one := *d
		one.Event = event.NewID()
		w.publish(&one)
	}
	w.startWith(testkit.Loopback(), "3m", func(s *Stage) { s.BreakerAfter = time.Millisecond })
	testkit.Eventually(t, func() bool {
		send()
		return w.breaker(d.Endpoint) != nil
	}, "its breaker opens")
	const n = 40
	for range n {
		send()
	}
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, w.nats, event.StreamDeliver) == 0 }, "they are moved")
	require.GreaterOrEqual(t, testkit.StreamMessages(t, w.nats, event.StreamOverflow), n-1, "but for a probe")
	works.Store(true)
	w.acknowledged(0)
	testkit.Eventually(t, func() bool { return w.breaker(d.Endpoint) == nil }, "the breaker is closed")
	require.GreaterOrEqual(t, int(taken.Load()), n-1)
}
