package fanout

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestBucket holds every bucket against its law: in no span of time are more
// tokens taken than a full bucket has and what comes in during the span, and none
// is refused that the law allows. What is full again is forgotten.
func TestBucket(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const rate, burst = 100, 5
		b := newBucket(rate, burst)
		tenants := []event.ID{event.NewID(), event.NewID(), event.NewID()}
		tokens := map[event.ID]int{} // in hundredths of one, as hundredths of an interval pass
		for _, id := range tenants {
			tokens[id] = burst * 100
		}
		now := time.Unix(0, 0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			pass := rapid.SampledFrom([]int{0, 0, 0, 1, 50, 100, 700}).Draw(t, "hundredths of an interval")
			now = now.Add(time.Duration(pass) * time.Second / rate / 100)
			for id := range tokens {
				tokens[id] = min(tokens[id]+pass, burst*100)
			}
			id := rapid.SampledFrom(tenants).Draw(t, "tenant")
			reserve := rapid.IntRange(0, 2).Draw(t, "reserve")
			allowed := tokens[id] >= (1+reserve)*100
			require.Equal(t, allowed, b.take(id, reserve, now))
			if allowed {
				tokens[id] -= 100
			}
			for id, full := range b.full {
				require.Less(t, now.Sub(full), 2*burst*b.interval, "%v is forgotten soon after it is full", id)
			}
		}
		b.take(tenants[0], 0, now.Add(time.Hour))
		require.Len(t, b.full, 1)
	})
}

// of is a delivery of that priority.
func of(p event.Priority) *event.Delivery { return &event.Delivery{Event: event.NewID(), Priority: p} }

func TestChooseLane(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tenant := &directory.Tenant{ID: event.NewID()}
	endpoint := &directory.Endpoint{Target: store.Target{ID: event.NewID()}, Tenant: tenant}
	own := event.OwnLane{Tenant: tenant.ID}
	shared := func(l *lanes, p event.Priority) (n int) {
		for l.choose(endpoint, of(p), false, now).IsZero() {
			n++
		}
		require.Equal(t, own, l.choose(endpoint, of(p), false, now))
		return n
	}
	l := newLanes()
	require.Equal(t, burst/2, shared(l, event.Low))
	require.Equal(t, burst/2, shared(l, event.Normal), "what low priority has left")
	require.Zero(t, shared(l, event.Low))
	require.Equal(t, urgentBurst, shared(l, event.High), "overtake a backlog")
	l = newLanes()
	require.Equal(t, burst+urgentBurst, shared(l, event.High))
	require.Zero(t, shared(l, event.Normal))
	other := &directory.Endpoint{Tenant: &directory.Tenant{ID: event.NewID()}}
	require.True(t, l.choose(other, of(event.Normal), false, now).IsZero(), "another tenant does not notice")
	require.Equal(t, other.Tenant.ID, l.choose(other, of(event.Normal), true, now).Tenant, "what comes again goes by its own lane")

	asks := event.NewID()
	asked := &directory.Endpoint{Target: store.Target{ID: event.NewID(), Challenge: asks}, Tenant: tenant}
	for range 2 * burst {
		require.True(t, l.choose(asked, &event.Delivery{Event: asks}, true, now).IsZero(), "a challenge waits behind nothing")
	}

	home := &directory.Endpoint{Target: store.Target{ID: event.NewID(), Ordered: true}, Tenant: tenant}
	for range 2 * burst {
		require.Equal(t, event.OwnLane{Tenant: tenant.ID, Endpoint: home.ID}, l.choose(home, of(event.High), false, now))
	}
}

// TestBurstGoesToTenantLane: what exceeds the bucket is in the tenant's lane, and
// whoever may serve it is told.
func TestBurstGoesToTenantLane(t *testing.T) {
	t.Parallel()
	w := start(t)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	lane := event.OwnLane{Tenant: w.tenant}
	heard := make(chan event.OwnLane, 16)
	stop, err := w.bus.OnSignal(func(l event.OwnLane) { heard <- l })
	require.NoError(t, err)
	defer stop()

	const many = 2 * burst
	events := make([]event.Event, many)
	for i := range events {
		events[i] = w.event(t)
		events[i].Priority = event.Normal
	}
	w.publish(t, "batch", events...)
	w.settled(t, 0)
	require.Equal(t, lane, <-heard)
	require.Empty(t, heard, "once for all that was published together")

	behind := testkit.Messages(t, w.nats, event.StreamOverflow)
	require.NotEmpty(t, behind)
	for _, m := range behind {
		d, err := event.DecodeDelivery(m.Data)
		require.NoError(t, err)
		require.Equal(t, []string{lane.Subject(), lane.MessageID(d)}, []string{m.Subject, m.ID})
	}
	shared := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, shared, many-len(behind))
	require.GreaterOrEqual(t, len(shared), burst)
}

// TestEndpointLane: what is for an ordered or paused endpoint goes there directly.
func TestEndpointLane(t *testing.T) {
	t.Parallel()
	w := start(t)
	ordered := testkit.Endpoint(t, w.store, w.tenant, "https://example.com", func(e *store.Endpoint) { e.Ordered = true })
	paused := testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	_, err := w.store.PauseEndpoint(t.Context(), w.tenant, store.Ref{ID: paused.ID}, true)
	require.NoError(t, err)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	all, forOne := w.event(t), w.event(t)
	forOne.Endpoint = ordered.ID
	w.publish(t, "batch", all, forOne)
	w.settled(t, 0)
	require.Equal(t, 1, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
	waiting := make(map[event.ID][]*event.Delivery)
	for _, m := range testkit.Messages(t, w.nats, event.StreamOverflow) {
		d, err := event.DecodeDelivery(m.Data)
		require.NoError(t, err)
		require.Equal(t, event.OwnLane{Tenant: w.tenant, Endpoint: d.Endpoint}.Subject(), m.Subject)
		waiting[d.Endpoint] = append(waiting[d.Endpoint], d)
	}
	require.Len(t, waiting[paused.ID], 1)
	require.Equal(t, all.Payload, waiting[paused.ID][0].Payload)
	require.Len(t, waiting[ordered.ID], 2)
	for i, tx := range []uint64{all.Tx, 0} {
		d := waiting[ordered.ID][i]
		require.Equal(t, tx, d.Tx, "what is for one endpoint alone has no place in the order")
		require.True(t, d.Referred)
		require.Empty(t, d.Payload)
	}
}

// TestBatchThatComesAgain was expanded before, by somebody who did not live to say
// so. Nothing overtakes its copy: a copy in the tenant's lane is dropped, and one
// on a shared lane is ahead of what is looked up.
func TestBatchThatComesAgain(t *testing.T) {
	t.Parallel()
	const many = 2 * burst
	before := make(map[string]bool) // on shared lanes
	w := start(t, func(w *world) {
		testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
		events := make([]event.Event, many)
		for i := range events {
			events[i] = w.event(t)
		}
		w.publish(t, "batch", events...)
		p, err := w.bus.Pull(bus.Fanout, 1)
		require.NoError(t, err)
		defer p.Close()
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		fan := w.worker(t)
		out := outgoing{bus: w.bus, metrics: fan.metrics, failed: fan.failed, most: groupSize}
		require.NoError(t, fan.expand(t.Context(), messages[0], &out))
		require.NoError(t, out.flush(t.Context()))
		for _, d := range testkit.Deliveries(t, w.nats, event.StreamDeliver) {
			before[d.Key()] = true
			require.False(t, d.Recheck)
		}
		messages[0].Nak(0)
	})
	w.settled(t, 0)
	require.NotEmpty(t, before)
	require.Equal(t, len(before), testkit.StreamMessages(t, w.nats, event.StreamDeliver), "nothing more on shared lanes")
	behind := testkit.Deliveries(t, w.nats, event.StreamOverflow)
	require.Len(t, behind, many)
	for _, d := range behind {
		require.Equal(t, before[d.Key()], d.Recheck, fmt.Sprint("looked up if it is a copy: ", d.Key()))
	}
}
