package fanout

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// world is a fanout stage with its surroundings.
type world struct {
	nats   string
	bus    *bus.Bus
	store  *store.Store
	tenant event.ID
}

// start makes a world in which the stage runs until the test ends. What is
// published before, in prepare, the stage finds when it starts.
func start(t *testing.T, prepare ...func(*world)) *world {
	t.Helper()
	w := &world{nats: testkit.NATS(t).URL(), store: testkit.Store(t)}
	w.bus = testkit.Connect(t, w.nats)
	w.tenant = testkit.Tenant(t, w.store)
	for _, p := range prepare {
		p(w)
	}
	dir, err := directory.New(w.store, testkit.Log(t))
	require.NoError(t, err)
	env := service.Env{Log: testkit.Log(t), Reg: prometheus.NewRegistry(), Bus: w.bus, Store: w.store, Directory: dir}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- new(Stage).Run(ctx, env) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return w
}

// worker is one that the stage does not run.
func (w *world) worker(t *testing.T) *worker {
	t.Helper()
	dir, err := directory.New(w.store, testkit.Log(t))
	require.NoError(t, err)
	return newWorker(service.Env{Bus: w.bus, Directory: dir, Log: zerolog.Nop(), Reg: prometheus.NewRegistry()})
}

// event of the tenant, as of now.
func (w *world) event(t *testing.T) event.Event {
	t.Helper()
	snap, err := w.store.Snapshot(t.Context(), w.tenant)
	require.NoError(t, err)
	return event.Event{
		ID: event.NewID(), Tenant: w.tenant, Type: "invoice.paid", Channels: []string{"eu"}, Priority: event.High,
		Version: snap.Version, Tx: 42, Payload: []byte("{\"text\": \"\\u00e4\"}\n "),
	}
}

// publish puts a batch on EVENTS.
func (w *world) publish(t *testing.T, id string, events ...event.Event) {
	t.Helper()
	var data []byte
	for i := range events {
		var err error
		data, err = events[i].Append(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: event.SubjectEvents, ID: id, Data: data}))
}

// settled waits until n batches are left on EVENTS.
func (w *world) settled(t *testing.T, n int) {
	t.Helper()
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, w.nats, event.StreamEvents) == n }, "%d batches left", n)
}

func TestOneEventToThreeEndpoints(t *testing.T) {
	t.Parallel()
	w := start(t)
	wanting := map[event.ID]bool{}
	for range 3 {
		wanting[testkit.Endpoint(t, w.store, w.tenant, "https://example.com").ID] = true
	}
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com", func(e *store.Endpoint) { e.EventTypes = []string{"other"} })
	testkit.Endpoint(t, w.store, testkit.Tenant(t, w.store), "https://example.com")
	e := w.event(t)
	w.publish(t, "batch", e)
	w.settled(t, 0)

	messages := testkit.Messages(t, w.nats, event.StreamDeliver)
	require.Len(t, messages, 3)
	for _, m := range messages {
		d, err := event.DecodeDelivery(m.Data)
		require.NoError(t, err)
		require.True(t, wanting[d.Endpoint])
		delete(wanting, d.Endpoint)
		require.Equal(t, &event.Delivery{
			Event: e.ID, Tenant: e.Tenant, Endpoint: d.Endpoint, Type: e.Type, Priority: e.Priority, Version: e.Version, Tx: e.Tx,
			Attempt: 1, Payload: e.Payload,
		}, d)
		require.Equal(t, d.Subject(), m.Subject)
		require.Regexp(t, `^deliver\.s\d\d\.`+event.Tenant.Format(e.Tenant)+`\.`+event.Endpoint.Format(d.Endpoint)+`$`, m.Subject)
		require.Equal(t, d.Key(), m.ID)
	}
}

// TestEventForOneEndpoint goes there whatever it asks for, and nowhere else.
func TestEventForOneEndpoint(t *testing.T) {
	t.Parallel()
	w := start(t)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	only := testkit.Endpoint(t, w.store, w.tenant, "https://example.com", func(e *store.Endpoint) { e.EventTypes = []string{"other"} })
	e := w.event(t)
	e.Endpoint = only.ID
	w.publish(t, "batch", e)
	w.settled(t, 0)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 1)
	require.Equal(t, only.ID, deliveries[0].Endpoint)
}

// TestEventForLater goes to the wheel, to whoever wants it now, and to its lane
// when its time has come meanwhile.
func TestEventForLater(t *testing.T) {
	t.Parallel()
	w := start(t)
	first := testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	later, past := w.event(t), w.event(t)
	later.DeliverAt, later.Expires = time.Now().Add(3*time.Hour).UTC(), time.Now().Add(5*time.Hour).UTC()
	past.DeliverAt = time.Now().Add(-time.Second).UTC()
	w.publish(t, "batch", later, past)
	w.publish(t, "again", later, past)
	w.settled(t, 0)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")

	messages := testkit.Messages(t, w.nats, event.StreamRetry)
	require.Len(t, messages, 1)
	require.Equal(t, "retry.1h", messages[0].Subject)
	d, err := event.DecodeDelivery(messages[0].Data)
	require.NoError(t, err)
	require.Equal(t, d.Key(), messages[0].ID)
	require.Equal(t, &event.Delivery{
		Event: later.ID, Tenant: w.tenant, Endpoint: first.ID, Type: later.Type, Priority: later.Priority, Version: later.Version,
		Attempt: 1, Due: later.DeliverAt, Expires: later.Expires, Recheck: true, Payload: later.Payload,
	}, d)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 1)
	require.Equal(t, past.ID, deliveries[0].Event)
}

// TestDisabledIsNotSent: what a disabled endpoint wants is a dead letter at once,
// and nothing for deliver. What it does not want is nothing at all.
func TestDisabledIsNotSent(t *testing.T) {
	t.Parallel()
	w := start(t)
	disabled := func(e *store.Endpoint) { e.Disabled = true }
	off := testkit.Endpoint(t, w.store, w.tenant, "https://example.com", disabled)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com", disabled, func(e *store.Endpoint) { e.EventTypes = []string{"other"} })
	on := testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	all, forIt := w.event(t), w.event(t)
	forIt.Endpoint = off.ID
	w.publish(t, "batch", all, forIt)
	w.publish(t, "again", all, forIt)
	w.settled(t, 0)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 1)
	require.Equal(t, on.ID, deliveries[0].Endpoint)
	letters := testkit.Deliveries(t, w.nats, event.StreamDLQ)
	require.Len(t, letters, 2, "once each")
	for i, e := range []event.Event{all, forIt} {
		m := testkit.Messages(t, w.nats, event.StreamDLQ)[i]
		require.Equal(t, []string{letters[i].DLQSubject(), letters[i].Key()}, []string{m.Subject, m.ID})
		require.Equal(t, &event.Delivery{
			Event: e.ID, Tenant: e.Tenant, Endpoint: off.ID, Type: e.Type, Priority: e.Priority, Version: e.Version, Tx: []uint64{42, 0}[i],
			Reason: "endpoint_disabled", Payload: []byte{}, Referred: true,
		}, letters[i])
	}
}

// TestLaterAtDisabled waits as for any other endpoint: it may be enabled by then.
func TestLaterAtDisabled(t *testing.T) {
	t.Parallel()
	w := start(t)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com", func(e *store.Endpoint) { e.Disabled = true })
	later, past := w.event(t), w.event(t)
	later.DeliverAt, past.DeliverAt = time.Now().Add(time.Hour).UTC(), time.Now().Add(-time.Second).UTC()
	w.publish(t, "batch", later, past)
	w.settled(t, 0)
	waiting := testkit.Deliveries(t, w.nats, event.StreamRetry)
	require.Len(t, waiting, 1)
	require.Equal(t, []any{later.ID, 1, ""}, []any{waiting[0].Event, waiting[0].Attempt, waiting[0].Reason})
	letters := testkit.Deliveries(t, w.nats, event.StreamDLQ)
	require.Len(t, letters, 1)
	require.Equal(t, past.ID, letters[0].Event)
	require.Zero(t, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
}

func TestReferenceAndRecheckArePassedOn(t *testing.T) {
	t.Parallel()
	w := start(t)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	e := w.event(t)
	e.Payload, e.Referred, e.Recheck = nil, true, true
	w.publish(t, "batch", e, w.event(t))
	w.settled(t, 0)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 2)
	require.True(t, deliveries[0].Referred)
	require.Empty(t, deliveries[0].Payload)
	require.True(t, deliveries[0].Recheck)
	require.False(t, deliveries[1].Referred)
	require.NotEmpty(t, deliveries[1].Payload)
	require.False(t, deliveries[1].Recheck)
}

// TestUnknownTenantIsDropped has events of tenants that never were, or are not
// any more, in one batch with one that is.
func TestUnknownTenantIsDropped(t *testing.T) {
	t.Parallel()
	w := start(t)
	stranger, good := w.event(t), w.event(t)
	stranger.Tenant = event.NewID()
	endpoint := testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	gone := w.event(t)
	gone.Tenant = testkit.Tenant(t, w.store)
	testkit.Endpoint(t, w.store, gone.Tenant, "https://example.com")
	require.NoError(t, w.store.DeleteTenant(t.Context(), store.Ref{ID: gone.Tenant}))
	w.publish(t, "batch", stranger, gone, good)
	w.settled(t, 0)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 1)
	require.Equal(t, good.ID, deliveries[0].Event)
	require.Equal(t, endpoint.ID, deliveries[0].Endpoint)
}

// TestMalformedBatchBlocksNobody has a worker take bad batches among good ones.
func TestMalformedBatchBlocksNobody(t *testing.T) {
	t.Parallel()
	const good = 20
	var taken []*bus.Msg
	w := start(t, func(w *world) {
		testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
		for n := range good {
			testkit.PublishRaw(t, w.nats, event.SubjectEvents, event.Format, []byte("no frame"))
			w.publish(t, fmt.Sprint(n), w.event(t))
		}
		p, err := w.bus.Pull(bus.Fanout, 2*good)
		require.NoError(t, err)
		defer p.Close()
		for ctx := testkit.Context(t); len(taken) < 2*good; {
			messages, err := p.Next(ctx, 2*good)
			require.NoError(t, err)
			taken = append(taken, messages...)
		}
	})
	w.worker(t).expandAll(t.Context(), taken)
	w.settled(t, good)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, good)
	for _, d := range deliveries {
		require.False(t, d.Recheck, "the good ones were not given back for the bad ones' sake")
	}
	for _, m := range testkit.Messages(t, w.nats, event.StreamEvents) {
		require.Equal(t, "no frame", string(m.Data), "given back, not thrown away")
	}
}

// TestRepublishedBatchAddsNothing hands the same events over under other message
// ids, as if EVENTS had forgotten the first.
func TestRepublishedBatchAddsNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	events := []event.Event{w.event(t), w.event(t), w.event(t)}
	for n := range 3 {
		w.publish(t, fmt.Sprint(n), events...)
		w.settled(t, 0)
	}
	require.Equal(t, 3, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
}

// TestNewEndpointIsSeenAtOnce publishes events right after each change, without
// any notification: the directory does not run here.
func TestNewEndpointIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	for n := 1; n <= 5; n++ {
		testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
		w.publish(t, fmt.Sprint(n), w.event(t))
		w.settled(t, 0)
		require.Equal(t, n*(n+1)/2, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
	}
}

// TestDatabaseAway keeps batches until tenants can be looked up again.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	var end func()
	var e event.Event
	w := start(t, func(w *world) {
		w.store = testkit.Open(t, url)
		w.tenant = testkit.Tenant(t, w.store)
		testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
		e = w.event(t)
		end = testkit.Outage(t, url)
	})
	w.publish(t, "batch", e)
	testkit.Eventually(t, func() bool { return w.store.Health(t.Context()) != nil }, "the outage is noticed")
	require.Equal(t, 1, testkit.StreamMessages(t, w.nats, event.StreamEvents))
	require.Zero(t, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
	end()
	w.settled(t, 0)
	require.Len(t, w.deliveries(t), 1)
}
