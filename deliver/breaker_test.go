package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// breakersOf runs breakers of the world until the test ends. What they have written
// is told to the channel.
func (w *world) breakersOf() (*breakers, chan event.OwnLane) {
	w.t.Helper()
	told := make(chan event.OwnLane, 100)
	b := newBreakers(w.store, testkit.Log(w.t), func(l event.OwnLane) { told <- l })
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.run(context.Background())
	}()
	w.t.Cleanup(func() {
		b.close()
		<-done
	})
	return b, told
}

// breaker is what is on record of an endpoint.
func (w *world) breaker(endpoint event.ID) *store.Breaker {
	w.t.Helper()
	now, err := w.store.Snapshot(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	for _, target := range now.Targets {
		if target.ID == endpoint {
			return target.Breaker
		}
	}
	w.t.Fatal("no such endpoint")
	return nil
}

func TestBreakersAreWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.delivery("https://example.com/")
	b, told := w.breakersOf()
	since := time.Now().Truncate(time.Millisecond)
	change := fair.BreakerChange{Tenant: d.Tenant, Endpoint: d.Endpoint, State: fair.BreakerOpened}
	change.Broken = fair.Broken{Since: since, Probe: since.Add(5 * time.Second)}
	b.changed(change)
	require.Equal(t, laneOf(d), testkit.Receive(t, told))
	on := w.breaker(d.Endpoint)
	require.True(t, on.OpenedAt.Equal(since))
	require.True(t, on.NextProbeAt.Equal(change.Probe))

	change.State, change.Failed, change.Probe = fair.ProbeFailed, 1, since.Add(15*time.Second)
	b.changed(change)
	testkit.Receive(t, told)
	on = w.breaker(d.Endpoint)
	require.Equal(t, 1, on.FailedProbes)
	require.True(t, on.NextProbeAt.Equal(change.Probe))

	b.changed(fair.BreakerChange{Tenant: d.Tenant, Endpoint: d.Endpoint, State: fair.BreakerClosed})
	testkit.Receive(t, told)
	require.Nil(t, w.breaker(d.Endpoint))
}

// TestBreakersWhileTheDatabaseIsAway: what happens meanwhile is written when it is
// back, and of each endpoint only how it ended.
func TestBreakersWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy, stays, closes := w.delivery("https://busy.example/"), w.delivery("https://a.example/"), w.delivery("https://b.example/")
	b, told := w.breakersOf()
	change := func(d *event.Delivery, state fair.BreakerState, failed int) {
		c := fair.BreakerChange{Tenant: d.Tenant, Endpoint: d.Endpoint, State: state}
		if state != fair.BreakerClosed {
			c.Broken = fair.Broken{Since: time.Now(), Probe: time.Now().Add(time.Minute), Failed: failed}
		}
		b.changed(c)
	}
	end := testkit.Outage(t, w.database)
	change(busy, fair.BreakerOpened, 0) // it is this one that is tried again and again
	testkit.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.unwritten) == 0
	}, "it is being written")
	change(stays, fair.BreakerOpened, 0)
	change(stays, fair.ProbeFailed, 1)
	change(stays, fair.ProbeFailed, 2)
	change(closes, fair.BreakerOpened, 0)
	change(closes, fair.BreakerClosed, 0)
	end()
	for range 3 {
		testkit.Receive(t, told)
	}
	require.NotNil(t, w.breaker(busy.Endpoint))
	require.Equal(t, 2, w.breaker(stays.Endpoint).FailedProbes)
	require.Nil(t, w.breaker(closes.Endpoint))
}

func TestBreakersAreBounded(t *testing.T) {
	t.Parallel()
	b := newBreakers(nil, testkit.Log(t), nil)
	for range breakersUnwritten + 10 {
		b.changed(fair.BreakerChange{Endpoint: event.NewID()})
	}
	require.Len(t, b.unwritten, breakersUnwritten)
}
