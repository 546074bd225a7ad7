package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

const (
	batchesPublished = "postrider_event_batches_published_total"
	unpublished      = `SELECT count(*) FROM batches WHERE published_at IS NULL`
)

// accept has n events accepted, one after the other, and returns them.
func (w *world) accept(n int) []*store.NewEvent {
	w.t.Helper()
	events := make([]*store.NewEvent, n)
	for i := range events {
		events[i] = w.event()
		refusal, err := w.acceptOne(w.t.Context(), events[i])
		require.NoError(w.t, err)
		require.Equal(w.t, store.Accepted, refusal)
	}
	return events
}

// batchIDs are the message ids of all batches in the outbox, by id.
func (w *world) batchIDs() []string {
	w.t.Helper()
	var ids []string
	conn := testkit.SQL(w.t, w.database)
	rows, err := conn.Query(w.t.Context(), `SELECT id FROM batches ORDER BY id`)
	require.NoError(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var id [16]byte
		require.NoError(w.t, rows.Scan(&id))
		ids = append(ids, event.Batch.Format(id))
	}
	require.NoError(w.t, rows.Err())
	return ids
}

// streamIDs are the message ids on EVENTS.
func (w *world) streamIDs() []string {
	w.t.Helper()
	var ids []string
	for _, m := range testkit.Messages(w.t, w.nats, event.StreamEvents) {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestPublishMarksBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events := w.accept(5)
	w.close()
	require.Zero(t, w.count(unpublished))
	require.Equal(t, 5, w.count(`SELECT count(*) FROM batches WHERE published_at <= now()`))
	require.ElementsMatch(t, w.batchIDs(), w.streamIDs())
	require.Equal(t, 5, w.result(batchesPublished, "published"))
	var want, got []event.Event // in no order: nobody waits for a publication but its batch
	for _, e := range events {
		e.Version = 1
		want = append(want, e.Event)
	}
	for _, m := range testkit.Messages(t, w.nats, event.StreamEvents) {
		require.Equal(t, event.SubjectEvents, m.Subject)
		batch, err := event.DecodeEvents(m.Data)
		require.NoError(t, err)
		require.Len(t, batch, 1)
		require.NotZero(t, batch[0].Tx)
		batch[0].Tx = 0
		got = append(got, batch...)
	}
	require.ElementsMatch(t, want, got)
}

// TestSweeperPublishesWhatIsLeft accepts while NATS is away.
func TestSweeperPublishesWhatIsLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := testkit.NATSAt(t, dir, 0)
	w := newWorldOn(t, server.URL())
	first := w.accept(1)
	testkit.Eventually(t, func() bool { return w.count(unpublished) == 0 }, "published")
	server.Stop()
	events := append(first, w.accept(9)...)
	w.outbox.inFlight.Wait() // nothing more is accepted
	require.Equal(t, 9, w.count(unpublished), "they stay in the outbox")
	require.Error(t, w.outbox.sweepRound(t.Context(), 0))
	require.Equal(t, 9, w.count(unpublished))

	testkit.NATSAt(t, dir, testkit.Port(t, w.nats))
	ctx, cancel := context.WithCancel(t.Context())
	swept := make(chan error, 1)
	go func() { swept <- w.outbox.sweep(ctx, 10*time.Millisecond) }()
	testkit.Eventually(t, func() bool { return w.result(batchesPublished, "swept") == 9 }, "the sweeper finds them")
	cancel()
	require.NoError(t, <-swept)
	require.Zero(t, w.count(unpublished))
	require.ElementsMatch(t, w.batchIDs(), w.streamIDs(), "each once, under the id that it had from the start")
	ids := make(map[event.ID]bool)
	for n, m := range testkit.Messages(t, w.nats, event.StreamEvents) {
		batch, err := event.DecodeEvents(m.Data)
		require.NoError(t, err)
		for _, e := range batch {
			ids[e.ID] = true
			require.Equal(t, n > 0, e.Recheck, "what is swept may have been published before")
		}
	}
	for _, e := range events {
		require.True(t, ids[e.ID])
	}
}

// TestSweptAgainIsDropped is what follows a death between publishing and marking.
func TestSweptAgainIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accept(3)
	testkit.Eventually(t, func() bool { return w.count(unpublished) == 0 }, "published")
	_, err := testkit.SQL(t, w.database).Exec(t.Context(), `UPDATE batches SET published_at = NULL`)
	require.NoError(t, err)
	require.NoError(t, w.outbox.sweepRound(t.Context(), time.Hour))
	require.Equal(t, 3, w.count(unpublished), "too young")
	require.NoError(t, w.outbox.sweepRound(t.Context(), 0))
	require.Zero(t, w.count(unpublished))
	require.Equal(t, 3, w.result(batchesPublished, "swept"))
	require.Len(t, w.streamIDs(), 3, "the stream knows their ids")
}

// TestSweepsManyRounds leaves more in the outbox than one round takes, to two
// sweepers at once.
func TestSweepsManyRounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range publishing { // no batch finds a place
		w.outbox.slots <- struct{}{}
	}
	const n = 2*sweptPerRound + 10
	w.accept(n)
	require.Equal(t, n, w.result(batchesPublished, "deferred"))
	require.Equal(t, n, w.count(unpublished))
	rounds := make(chan error, 2)
	for range cap(rounds) {
		go func() { rounds <- w.outbox.sweepRound(t.Context(), 0) }()
	}
	for range cap(rounds) {
		require.NoError(t, <-rounds)
	}
	require.Zero(t, w.count(unpublished))
	require.Equal(t, n, w.result(batchesPublished, "swept"), "none by both")
	require.ElementsMatch(t, w.batchIDs(), w.streamIDs())
}

func TestEncode(t *testing.T) {
	t.Parallel()
	b := store.Batch{ID: event.NewID(), Events: []event.Event{
		{ID: event.NewID(), Tenant: event.NewID(), Type: "a", Payload: []byte(`{}`)},
		{ID: event.NewID(), Tenant: event.NewID(), Type: "b", Referred: true, Payload: []byte{}},
	}}
	parts, err := encode(b, 1)
	require.NoError(t, err)
	require.Len(t, parts, 1)
	require.Equal(t, event.SubjectEvents, parts[0].Subject)
	require.Equal(t, event.Batch.Format(b.ID), parts[0].ID)
	got, err := event.DecodeEvents(parts[0].Data)
	require.NoError(t, err)
	require.Equal(t, b.Events, got)
}

// TestEncodeForShards: each shard gets what its tenants posted, in its order.
func TestEncodeForShards(t *testing.T) {
	t.Parallel()
	const shards = 3
	b := store.Batch{ID: event.NewID()}
	want := make(map[event.Shard][]event.Event)
	for n := range 100 {
		e := event.Event{ID: event.NewID(), Tenant: event.NewID(), Type: "a", Payload: []byte{byte(n)}}
		b.Events = append(b.Events, e)
		s := event.ShardOf(e.Tenant, shards)
		want[s] = append(want[s], e)
	}
	parts, err := encode(b, shards)
	require.NoError(t, err)
	got := make(map[event.Shard][]event.Event)
	for _, m := range parts {
		require.Equal(t, event.Batch.Format(b.ID), m.ID)
		s := event.ShardOf(m.Tenant, shards)
		require.NotContains(t, got, s, "two messages of one id would be taken for copies")
		got[s], err = event.DecodeEvents(m.Data)
		require.NoError(t, err)
	}
	require.Equal(t, want, got)
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	w := newWorldOn(t, server.URL())
	task := store.Task{ID: event.NewID(), Kind: store.TaskRedrive}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the client does not wait; the task is announced all the same
	w.outbox.Announce(ctx, task)
	messages := testkit.Messages(t, w.nats, event.StreamTasks)
	require.Len(t, messages, 1)
	require.Equal(t, "tasks."+store.TaskRedrive, messages[0].Subject)
	require.Equal(t, event.Task.Format(task.ID), string(messages[0].Data))

	server.Stop()
	w.outbox.Announce(t.Context(), task) // returns, and nothing is lost but the announcement
}
