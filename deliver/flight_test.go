package deliver

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestCopyOfWhatIsInFlight brings a copy of a delivery while its attempt is being
// made. It waits until that is recorded, and is not made.
func TestCopyOfWhatIsInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls atomic.Int32
	called, answer := make(chan struct{}, 2), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		called <- struct{}{}
		<-answer
	}))
	t.Cleanup(server.Close)
	d := w.delivery(server.URL)
	w.publish(d)
	w.start()
	testkit.Receive(t, called)
	again := *d
	again.Recheck, again.Round = true, 1
	w.publish(&again)
	other := w.delivery(server.URL)
	other.Tenant, other.Endpoint, other.Version = d.Tenant, d.Endpoint, d.Version
	w.publish(other)
	testkit.Receive(t, called) // what came after the copy
	close(answer)
	w.acknowledged(0)
	require.EqualValues(t, 2, calls.Load())
	require.Len(t, w.attempts(), 2)
}

func TestFlights(t *testing.T) {
	t.Parallel()
	var f flights
	d := &event.Delivery{Event: event.NewID(), Endpoint: event.NewID(), Attempt: 1}
	inRun := *d
	inRun.Run = event.NewID()
	require.True(t, f.begin(d))
	require.True(t, f.begin(&inRun), "it is another delivery of the same event")
	retried := *d
	retried.Attempt = 2
	require.False(t, f.begin(&retried))
	f.end(d)
	require.True(t, f.begin(&retried))
}
