package deliver

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestFullRetry: a failure that RETRY does not take is recorded and held; others
// go on, and when there is room it is handed on, once.
func TestFullRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	testkit.LimitStream(t, w.nats, event.StreamRetry, 10)
	bad, calls := answering(t, http.StatusInternalServerError)
	good, _ := answering(t, http.StatusOK)
	failing, well := w.delivery(bad), w.delivery(good)
	w.start()
	w.publish(failing)
	testkit.Eventually(t, func() bool { return len(w.attempts()) == 1 && w.bus.Refuses(event.StreamRetry, w.tenant) }, "it cannot be handed on")
	for range 50 {
		well.Event = event.NewID()
		w.publish(well)
	}
	w.acknowledged(1)
	testkit.LimitStream(t, w.nats, event.StreamRetry, 0)
	w.acknowledged(0)
	next, _ := w.on(event.StreamRetry)
	require.Equal(t, failing.Event, next.Event)
	require.Equal(t, 2, next.Attempt)
	require.EqualValues(t, 1, calls.Load())
	w.nothingInMemory()
}

// TestFullOverflow: what cannot be moved to its lane stays where it is, others of
// the shared lane go on, and when there is room it is moved.
func TestFullOverflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	testkit.LimitStream(t, w.nats, event.StreamOverflow, 10)
	good, _ := answering(t, http.StatusOK)
	paused, well := w.delivery(good), w.delivery(good)
	_, err := w.store.PauseEndpoint(t.Context(), w.tenant, store.Ref{ID: paused.Endpoint}, true)
	require.NoError(t, err)
	const stay = 3 * movesInFlight
	for range stay {
		paused.Event = event.NewID()
		w.publish(paused)
	}
	w.start()
	testkit.Eventually(t, func() bool { return w.bus.Refuses(event.StreamOverflow, w.tenant) }, "they cannot be moved")
	for range 50 {
		well.Event = event.NewID()
		w.publish(well)
	}
	testkit.Eventually(t, func() bool { return len(w.attempts()) == 50 }, "others go on")
	require.Equal(t, stay, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
	testkit.LimitStream(t, w.nats, event.StreamOverflow, 0)
	testkit.Eventually(t, func() bool {
		return testkit.StreamMessages(t, w.nats, event.StreamOverflow) == stay && testkit.StreamMessages(t, w.nats, event.StreamDeliver) == 0
	}, "moved, each once")
	w.nothingInMemory()
}

// TestPoisonDelivery: what cannot be read is set aside, whichever lane it is in,
// and never blocks one; an own lane is not opened for it again and again.
func TestPoisonDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	ordered := w.delivery(url, func(e *store.Endpoint) { e.Ordered = true })
	own := event.OwnLane{Tenant: w.tenant}
	inOrder := event.OwnLane{Tenant: w.tenant, Endpoint: ordered.Endpoint}
	for _, subject := range []string{d.Subject(), own.Subject(), inOrder.Subject()} {
		for _, bad := range []string{"", "no frame", "{}\n", `{"size":-1}` + "\n"} {
			testkit.PublishRaw(t, w.nats, subject, event.Format, []byte(bad))
		}
	}
	w.publish(d)
	w.publish(ordered)
	w.start()
	testkit.Eventually(t, func() bool { return calls.Load() == 1 }, "others go on")
	w.acknowledged(0)
	require.Len(t, w.attempts(), 2, "also at the ordered endpoint, though its event is not there to be sent")
	for found, from := 0, uint64(1); found < 12; found++ {
		p, err := w.bus.NextPoison(t.Context(), from)
		require.NoError(t, err)
		require.Equal(t, "deliver", p.Stage)
		require.Contains(t, p.Reason, "malformed frame")
		from = p.Sequence + 1
	}
	testkit.Eventually(t, func() bool {
		lanes, err := w.bus.OwnLanes(t.Context())
		require.NoError(t, err)
		return len(lanes) == 0
	}, "nothing is left in own lanes")
	w.nothingInMemory()
}

// TestPanicIsOneDeliverysAffair has the handlers of two deliveries panic: one on
// the way to the scheduler, one in its attempt. Each comes again, and nothing of
// either stays in memory.
func TestPanicIsOneDeliverysAffair(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusOK)
	one := w.newWorker(nil)
	one.buffer, one.caller = newBuffer(), nil // so that attempts panic
	one.start = func(j *job) { one.attempts.Go(func() { one.attempt(context.Background(), j) }) }
	d := w.delivery(url)
	w.publish(d)
	p, err := w.bus.Pull(bus.LaneConsumer(d.Lane()), 1)
	require.NoError(t, err)
	defer p.Close()
	s := newSource("s00", nil)
	next := func() *bus.Msg {
		messages, err := p.Next(testkit.Context(t), 1)
		require.NoError(t, err)
		return messages[0]
	}
	one.take(t.Context(), s, next())
	m := next()
	require.Equal(t, 2, m.Deliveries, "it comes again")
	require.Zero(t, one.buffer.held.Load())
	one.attempts.Wait()

	scheduler := one.scheduler
	one.scheduler = nil // so that the way there panics
	one.take(t.Context(), s, m)
	require.Equal(t, 3, next().Deliveries)
	require.Zero(t, one.buffer.held.Load())
	require.True(t, s.hand.idle())
	one.scheduler = scheduler
}
