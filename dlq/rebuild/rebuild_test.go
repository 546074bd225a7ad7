package rebuild

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/embedded"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// world is a NATS server that loses what it has, and what it is made again from.
type world struct {
	t        *testing.T
	dir      string
	server   *embedded.NATS
	bus      *bus.Bus
	database string
	store    *store.Store
	tenant   event.ID
	endpoint event.ID
	metrics  *Metrics
	reg      *prometheus.Registry
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), database: testkit.Database(t)}
	w.server = testkit.NATSAt(t, w.dir, 0)
	w.bus, w.store = testkit.Connect(t, w.server.URL()), testkit.Open(t, w.database)
	w.tenant = testkit.Tenant(t, w.store)
	w.endpoint = testkit.Endpoint(t, w.store, w.tenant, "https://example.com").ID
	w.reg = prometheus.NewRegistry()
	w.metrics = NewMetrics(w.reg)
	return w
}

// restart stops the server, does something to its folder, and starts it again.
func (w *world) restart(meanwhile func(folder string)) {
	w.t.Helper()
	port := testkit.Port(w.t, w.server.URL())
	w.server.Stop()
	meanwhile(filepath.Join(w.dir, "jetstream"))
	w.server = testkit.NATSAt(w.t, w.dir, port)
}

func (w *world) wipe() {
	w.t.Helper()
	w.restart(func(folder string) { require.NoError(w.t, os.RemoveAll(folder)) })
}

// start watches the streams until the returned function is called, or the test ends.
func (w *world) start() (stop func()) {
	w.t.Helper()
	r := &Rebuilder{Bus: w.bus, Store: w.store, Log: testkit.Log(w.t), Metrics: w.metrics, Overdue: 2 * event.Late}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Run(ctx)
		close(ended)
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
	w.t.Cleanup(stop)
	return stop
}

// marked waits until all streams were looked at on the server that there is.
func (w *world) marked() {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool {
		look, err := w.store.LastLook(w.t.Context(), w.bus.Server())
		require.NoError(w.t, err)
		return look.Met && len(look.Marks) == 7
	}, "the streams have been looked at")
}

// finished waits for the reconciliation that the test knows must come, and returns
// what was put on its way again.
func (w *world) finished(n int) *store.Reconciliation {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool {
		return testkit.Value[int](w.t, w.database, `SELECT count(*) FROM reconciliations WHERE finished_at IS NOT NULL`) == n
	}, "%d reconciliations are finished", n)
	r, err := w.store.Reconciliation(w.t.Context(), testkit.Value[int64](w.t, w.database, `SELECT max(id) FROM reconciliations`))
	require.NoError(w.t, err)
	return r
}

// counted is what the metrics say of a kind or a loss.
func (w *world) counted(label string) int64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	require.NoError(w.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == label {
				return int64(m.GetCounter().GetValue())
			}
		}
	}
	w.t.Fatalf("nothing is counted as %s", label)
	return 0
}

// accept stores an event and has it published.
func (w *world) accept() event.Event {
	w.t.Helper()
	e := event.Event{ID: event.NewID(), Tenant: w.tenant, Type: "a", Payload: []byte("{}")}
	_, batches, err := w.store.Accept(w.t.Context(), []store.NewEvent{{Event: e}}, 1<<20)
	require.NoError(w.t, err)
	require.NoError(w.t, w.store.MarkPublished(w.t.Context(), []store.Published{{Batch: batches[0].ID}}))
	return batches[0].Events[0]
}

// fail records a failed attempt after which another is to follow.
func (w *world) fail(e event.Event, in time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.store.RecordAttempts(w.t.Context(), []store.Attempt{{
		ID: event.NewID(), Tenant: w.tenant, Event: e.ID, Endpoint: w.endpoint, Number: 1, Outcome: "rejected", Response: []byte{},
		NextAt: time.Now().Add(in),
	}}))
}

// TestWipedServer starts a server empty. Everything is made again, the consumers
// too, and what was on its way is put there once more.
func TestWipedServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.marked()
	lost, due, waits, died := w.accept(), w.accept(), w.accept(), w.accept()
	w.fail(due, -time.Second)
	w.fail(waits, time.Minute)
	require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{{
		ID: event.NewID(), Tenant: w.tenant, Event: died.ID, Endpoint: w.endpoint, Number: 1, Outcome: "rejected", Response: []byte{},
	}}))
	before, err := w.bus.Streams(t.Context())
	require.NoError(t, err)
	w.wipe()

	r := w.finished(1)
	require.True(t, r.Lost)
	require.Equal(t, map[string]int64{"events": 1, "later": 0, "retries": 2, "dead_letters": 1, "redriven": 0, "tasks": 0}, r.Counts)
	for kind, n := range r.Counts {
		require.Equal(t, n, w.counted(kind), kind)
	}
	require.EqualValues(t, 1, w.counted(lossSeen))
	after, err := w.bus.Streams(t.Context())
	require.NoError(t, err)
	for name := range before {
		require.JSONEq(t, string(before[name].Config), string(after[name].Config))
	}
	require.Equal(t, 1, testkit.Value[int](t, w.database, `SELECT count(*) FROM batches WHERE round = $1 AND published_at IS NULL AND $2 = ANY (event_ids)`,
		r.ID, [16]byte(lost.ID)), "it is in the outbox again")
	for stream, id := range map[string]event.ID{event.StreamDeliver: due.ID, event.StreamRetry: waits.ID, event.StreamDLQ: died.ID} {
		deliveries := testkit.Deliveries(t, w.server.URL(), stream)
		require.Len(t, deliveries, 1, stream)
		require.Equal(t, id, deliveries[0].Event, stream)
	}
	_, err = w.bus.Workers(t.Context())
	require.NoError(t, err)
	p, err := w.bus.Pull(bus.DLQ, 1)
	require.NoError(t, err)
	defer p.Close()
	messages, err := p.Next(testkit.Context(t), 1)
	require.NoError(t, err, "and there is somebody to take it from")
	messages[0].Ack()
}

// TestWipedShards makes the streams of all shards again, and whoever takes from them.
func TestWipedShards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	testkit.Divide(t, w.bus, 3)
	before, err := w.bus.Streams(t.Context())
	require.NoError(t, err)
	w.start()
	testkit.Eventually(t, func() bool {
		look, err := w.store.LastLook(t.Context(), w.bus.Server())
		require.NoError(t, err)
		return len(look.Marks) == len(before)
	}, "the streams have been looked at")
	w.wipe()
	w.finished(1)
	after, err := w.bus.Streams(t.Context())
	require.NoError(t, err)
	require.Len(t, after, len(before))
	e := w.accept()
	d := e.To(w.endpoint)
	data, err := d.Encode()
	require.NoError(t, err)
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: d.Subject(), Tenant: d.Tenant, ID: d.Key(), Data: data}))
	p, err := w.bus.Pull(bus.LaneConsumer(d.Lane()).In(event.ShardOf(w.tenant, 3)), 1)
	require.NoError(t, err)
	defer p.Close()
	messages, err := p.Next(testkit.Context(t), 1)
	require.NoError(t, err)
	require.Len(t, messages, 1)
}

// TestServerPutBack starts a server on a copy of its folder of a moment ago.
func TestServerPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	copied := filepath.Join(t.TempDir(), "jetstream")
	w.restart(func(folder string) { require.NoError(t, os.CopyFS(copied, os.DirFS(folder))) })
	w.start()
	w.marked()
	e := w.accept()
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: event.SubjectEvents, ID: "1", Data: []byte("{}\n")}))
	testkit.Eventually(t, func() bool {
		return testkit.Value[int64](t, w.database, `SELECT last_seq FROM stream_marks WHERE stream = 'EVENTS'`) == 1
	}, "it was seen there")
	w.restart(func(folder string) {
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.CopyFS(folder, os.DirFS(copied)))
	})
	r := w.finished(1)
	require.Equal(t, "lost: EVENTS", r.Reason)
	require.EqualValues(t, 1, r.Counts["events"])
	require.Equal(t, 1, testkit.Value[int](t, w.database, `SELECT count(*) FROM batches WHERE $1 = ANY (event_ids) AND round IS NOT NULL`, [16]byte(e.ID)))
}

// TestServerStartedAgain loses nothing, and is looked into all the same.
func TestServerStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.marked()
	e := w.accept()
	stored := time.Now()
	w.restart(func(string) {})
	r := w.finished(1)
	require.False(t, r.Lost)
	require.WithinRange(t, r.Since, stored.Add(-10*time.Minute), stored.Add(-2*time.Minute))
	require.Equal(t, 1, testkit.Value[int](t, w.database, `SELECT count(*) FROM batches WHERE round = 0 AND $1 = ANY (event_ids)`, [16]byte(e.ID)))
	require.EqualValues(t, 1, w.counted(lossPossible))
}

// TestStreamDeleted takes one stream away, with the server going on.
func TestStreamDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.marked()
	e := w.accept()
	d := e.To(w.endpoint)
	data, err := d.Encode()
	require.NoError(t, err)
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: d.Subject(), ID: d.Key(), Data: data}))
	testkit.DeleteStream(t, w.server.URL(), event.StreamOverflow)
	r := w.finished(1)
	require.Equal(t, "lost: OVERFLOW", r.Reason)
	require.EqualValues(t, 1, r.Counts["events"])

	p, err := w.bus.Pull(bus.LaneConsumer(d.Lane()), 1)
	require.NoError(t, err)
	defer p.Close()
	messages, err := p.Next(testkit.Context(t), 1)
	require.NoError(t, err)
	require.Equal(t, 1, messages[0].Deliveries)
	require.True(t, messages[0].Again(), "what another stream may have had is looked up")
}

// TestConsumerDeleted takes a consumer away that has handed something out. It comes
// to another process as if for the first time.
func TestConsumerDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := testkit.Connect(t, w.server.URL())
	take := func(b *bus.Bus) *bus.Msg {
		p, err := b.Pull(bus.Fanout, 1)
		require.NoError(t, err)
		t.Cleanup(p.Close)
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		return messages[0]
	}
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: event.SubjectEvents, ID: "1", Data: []byte("{}\n")}))
	take(w.bus)
	testkit.DeleteConsumer(t, w.server.URL(), event.StreamEvents, bus.Fanout.Name)
	w.start()
	m := take(other)
	require.Equal(t, 1, m.Deliveries)
	testkit.Eventually(t, m.Again, "it came before")
}

// TestOverdueIsHandedOut finds retries that no stream has, with nothing else amiss,
// but not where something waits.
func TestOverdueIsHandedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy := testkit.Endpoint(t, w.store, w.tenant, "https://example.com/busy")
	lost, waits := w.accept(), w.accept()
	w.fail(lost, -2*time.Minute)
	require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{{
		ID: event.NewID(), Tenant: w.tenant, Event: waits.ID, Endpoint: busy.ID, Number: 1, Outcome: "rejected", Response: []byte{},
		NextAt: time.Now().Add(-2 * time.Minute),
	}}))
	d := waits.To(busy.ID)
	data, err := d.Encode()
	require.NoError(t, err)
	lane := event.OwnLane{Tenant: w.tenant, Endpoint: busy.ID}
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: lane.Subject(), ID: "waits", Data: data}))
	w.start()
	testkit.Eventually(t, func() bool {
		return testkit.Value[int](t, w.database, `SELECT count(*) FROM overdue_looks WHERE after = '1 minute'`) == 1
	}, "it has been looked for")
	deliveries := testkit.Deliveries(t, w.server.URL(), event.StreamDeliver)
	require.Len(t, deliveries, 1)
	require.Equal(t, []any{lost.ID, 2, true}, []any{deliveries[0].Event, deliveries[0].Attempt, deliveries[0].Recheck})
	require.EqualValues(t, 1, w.counted(kindOverdue))
}

// TestOverdueInALateWheel leaves retries to the wheel that waits for its stage.
func TestOverdueInALateWheel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x := watch{Rebuilder: &Rebuilder{Bus: w.bus, Store: w.store, Metrics: w.metrics}}
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: event.TierFor(5 * time.Second).Subject(), ID: "1", Data: []byte("{}\n")}))
	for in, want := range map[time.Duration]bool{0: false, 30 * time.Second: false, time.Minute: true} {
		late, err := x.wheelIsLate(t.Context(), time.Now().Add(in))
		require.NoError(t, err)
		require.Equal(t, want, late, "in %s", in)
	}
}

// TestOneWatches has the second process take over from the first.
func TestOneWatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.start()
	w.marked()
	other := &Rebuilder{Bus: w.bus, Store: testkit.Open(t, w.database), Log: testkit.Log(t), Metrics: NewMetrics(prometheus.NewRegistry())}
	require.NoError(t, w.store.AskReconciliation(t.Context(), &store.Reconciliation{Since: time.Now(), Reason: "a test"}))
	w.finished(1)
	ran, err := other.Reconcile(t.Context())
	require.NoError(t, err)
	require.False(t, ran, "another is at it")
	stop()
	require.NoError(t, w.store.AskReconciliation(t.Context(), &store.Reconciliation{Since: time.Now(), Reason: "a test"}))
	ran, err = other.Reconcile(t.Context())
	require.NoError(t, err)
	require.True(t, ran)
	w.finished(2)
}
