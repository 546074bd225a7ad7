package deliver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// TestPausedIsPutOff follows a delivery to an endpoint that is paused and then
// resumed. What comes off RETRY is put on DELIVER as the retry stage does.
func TestPausedIsPutOff(t *testing.T) {
	t.Parallel()
	for name, attempt := range map[string]int{"first attempt": 1, "retry": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, calls := answering(t, http.StatusInternalServerError)
			d := w.delivery(url)
			d.Attempt = attempt
			w.pause(d, true)
			w.startWith(loopback(), "3m,3m,3m")

			for n, wait := range []time.Duration{30 * time.Second, 2 * time.Minute, 2 * time.Minute} {
				began := time.Now()
				w.publish(d)
				w.acknowledged(0)
				put := testkit.Deliveries(t, w.nats, event.StreamRetry)
				require.Len(t, put, n+1, "a copy of the same attempt, and yet not dropped")
				back := put[n]
				require.WithinRange(t, back.Due, began.Add(wait), time.Now().Add(wait))
				require.Equal(t, event.TierFor(wait).Subject(), testkit.Messages(t, w.nats, event.StreamRetry)[n].Subject)
				want := *d
				want.Deferrals, want.Due = n+1, back.Due
				require.Equal(t, &want, back, "nothing else has changed")
				d = back
			}
			require.Zero(t, calls.Load())
			require.Empty(t, w.attempts(), "none was made")
			w.nothingOn(event.StreamDLQ)

			w.pause(d, false)
			w.publish(d)
			w.acknowledged(0)
			require.EqualValues(t, 1, calls.Load())
			attempts := w.attempts()
			require.Len(t, attempts, 1)
			require.Equal(t, attempt, attempts[0].Number)
			failed := testkit.Deliveries(t, w.nats, event.StreamRetry)[3]
			require.Equal(t, []int{attempt + 1, 0}, []int{failed.Attempt, failed.Deferrals})
		})
	}
}

// TestPausedAndDisabled has a delivery that waits end when its endpoint is
// disabled: it must not wait for a day that may never come.
func TestPausedAndDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusOK)
	d := w.delivery(url, func(e *store.Endpoint) { e.Disabled = true })
	w.pause(d, true)
	w.start()
	w.publish(d)
	w.acknowledged(0)
	dead, _ := w.on(event.StreamDLQ)
	require.Equal(t, []any{"endpoint_disabled", 0}, []any{dead.Reason, dead.Attempt})
	require.Empty(t, w.attempts())
}

// TestPutOffAgain is a worker that died after it had put a delivery off.
func TestPutOffAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.pause(d, true)
	w.publish(d)
	w.giveBack(d.Lane(), 1)
	w.start()
	w.acknowledged(0)
	back, _ := w.on(event.StreamRetry)
	require.True(t, back.Recheck, "another copy may be on its way")
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
	w.acknowledged(0)
	require.Equal(t, queue, testkit.StreamMessages(t, w.nats, event.StreamRetry), "nothing is lost")
	require.Len(t, w.attempts(), 1)
}
