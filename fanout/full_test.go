package fanout

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestFullLane fills OVERFLOW: batches with a delivery for it are held, and others
// go on. When there is room again every delivery is where it belongs, once.
func TestFullLane(t *testing.T) {
	t.Parallel()
	const held = 3
	w := start(t, func(w *world) { testkit.LimitStream(t, w.nats, event.StreamOverflow, 10) })
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	paused := testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	_, err := w.store.PauseEndpoint(t.Context(), w.tenant, store.Ref{ID: paused.ID}, true)
	require.NoError(t, err)
	for range held {
		e := w.event(t)
		w.publish(t, event.Message.Format(e.ID), e)
	}
	testkit.Eventually(t, func() bool {
		return testkit.StreamMessages(t, w.nats, event.StreamDeliver) == held
	}, "what is for the other endpoint goes on")

	other := w.tenant
	w.tenant = testkit.Tenant(t, w.store)
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	for range 10 {
		e := w.event(t)
		w.publish(t, event.Message.Format(e.ID), e)
	}
	w.settled(t, held)
	require.Equal(t, held+10, testkit.StreamMessages(t, w.nats, event.StreamDeliver))

	testkit.LimitStream(t, w.nats, event.StreamOverflow, 0)
	w.settled(t, 0)
	waiting := testkit.Deliveries(t, w.nats, event.StreamOverflow)
	require.Len(t, waiting, held)
	for _, d := range waiting {
		require.Equal(t, other, d.Tenant)
		require.Equal(t, paused.ID, d.Endpoint)
		require.True(t, d.Recheck, "it may have been there before")
	}
	require.Equal(t, held+10, testkit.StreamMessages(t, w.nats, event.StreamDeliver), "nothing came twice")
}

// TestPoisonBatch: a batch that cannot be read, or whose handler panics, is set
// aside; others go on meanwhile.
func TestPoisonBatch(t *testing.T) {
	t.Parallel()
	w := start(t, func(w *world) {
		for _, bad := range []string{"", "no frame", "{}\n", `{"size":-1}` + "\n", `{"event":"msg_1","tenant":"app_1","size":0}` + "\n"} {
			testkit.PublishRaw(t, w.nats, event.SubjectEvents, event.Format, []byte(bad))
			testkit.PublishRaw(t, w.nats, event.SubjectWide, event.Format, []byte(bad))
		}
	})
	testkit.Endpoint(t, w.store, w.tenant, "https://example.com")
	w.publish(t, "good", w.event(t))
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, w.nats, event.StreamDeliver) == 1 }, "others go on")
	w.settled(t, 0)
	for found, from := 0, uint64(1); found < 10; found++ {
		p, err := w.bus.NextPoison(t.Context(), from)
		require.NoError(t, err)
		require.Contains(t, p.Reason, "malformed frame")
		require.Equal(t, "fanout", p.Stage)
		from = p.Sequence + 1
	}
}

// TestPanicIsOneBatchsAffair: what panics comes again, like what cannot be read.
func TestPanicIsOneBatchsAffair(t *testing.T) {
	t.Parallel()
	w := start(t, func(w *world) {
		w.publish(t, "batch", w.event(t))
		p, err := w.bus.Pull(bus.Fanout, 1)
		require.NoError(t, err)
		defer p.Close()
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		var panicked *bus.PanicError
		require.ErrorAs(t, w.worker(t).handle(t.Context(), messages[0], func() error { panic("oh") }), &panicked)
		require.Equal(t, "oh", panicked.Value)
	})
	w.settled(t, 0)
}
