package fanout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
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

func TestChooseLane(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tenant := &directory.Tenant{ID: event.NewID()}
	endpoint := &directory.Endpoint{Target: store.Target{ID: event.NewID()}, Tenant: tenant}
	own := event.OwnLane{Tenant: tenant.ID}
	shared := func(l *lanes, p event.Priority) (n int) {
		for l.choose(endpoint, p, false, now).IsZero() {
			n++
		}
		require.Equal(t, own, l.choose(endpoint, p, false, now))
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
	require.True(t, l.choose(other, event.Normal, false, now).IsZero(), "another tenant does not notice")
	require.Equal(t, other.Tenant.ID, l.choose(other, event.Normal, true, now).Tenant, "what comes again goes by its own lane")

	home := &directory.Endpoint{Target: store.Target{ID: event.NewID(), Ordered: true}, Tenant: tenant}
	for range 2 * burst {
		require.Equal(t, event.OwnLane{Tenant: tenant.ID, Endpoint: home.ID}, l.choose(home, event.High, false, now))
	}
}
