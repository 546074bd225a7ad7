package deliver

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
)

// testJob is a job of a class.
func testJob(tenant, endpoint byte, r rank) *job {
	d := &event.Delivery{Tenant: event.ID{tenant}, Endpoint: event.ID{tenant, endpoint}, Attempt: 1}
	if r == retry {
		d.Attempt = 2
	}
	if r == replay {
		d.Run = event.ID{1}
	}
	return &job{delivery: d}
}

// TestSchedulerProperties drives a scheduler with any sequence of arrivals and
// endings and holds it to its promises after each step.
func TestSchedulerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := limits{slots: 16, tenant: 8, endpoint: 4, queue: 3}
		var running []*job
		waiting := 0
		s := newScheduler(l, func(j *job) { running = append(running, j); waiting-- })
		put, started := 0, 0
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				j := testJob(rapid.ByteRange(1, 5).Draw(t, "tenant"), rapid.ByteRange(1, 3).Draw(t, "endpoint"), rank(rapid.IntRange(0, 2).Draw(t, "class")))
				waiting++
				if _, ok := s.tryPut(j); ok {
					put++
				} else {
					waiting--
				}
			},
			"end": func(t *rapid.T) {
				if len(running) == 0 {
					return
				}
				i := rapid.IntRange(0, len(running)-1).Draw(t, "which")
				j := running[i]
				running = append(running[:i:i], running[i+1:]...)
				started++
				s.done(j)
			},
			"": func(t *rapid.T) {
				require.Equal(t, put, started+len(running)+waiting)
				requireShares(t, s, l, running)
				requireBusy(t, s)
			},
		})
		for len(running) > 0 { // everything ends: nothing may be left waiting
			j := running[0]
			running = running[1:]
			s.done(j)
		}
		require.Zero(t, waiting)
		require.Empty(t, s.tenants)
		require.Empty(t, s.endpoints)
		for r := range ranks {
			require.Empty(t, s.classes[r].queues)
		}
		require.Zero(t, s.running)
	})
}

// requireShares counts what runs and holds it to the limits.
func requireShares(t *rapid.T, s *scheduler, l limits, running []*job) {
	var all usage
	tenants, endpoints := map[event.ID]usage{}, map[event.ID]usage{}
	for _, j := range running {
		r := rankOf(j)
		all[r]++
		hold(tenants, j.delivery.Tenant, r)
		hold(endpoints, j.delivery.Endpoint, r)
	}
	require.Equal(t, s.running, all, "counts of what runs")
	require.Equal(t, s.tenants, tenants)
	require.Equal(t, s.endpoints, endpoints)
	within := func(u usage, limit int) {
		require.LessOrEqual(t, u.total(), limit)
		require.LessOrEqual(t, u[retry]+u[replay], limit*3/4)
		require.LessOrEqual(t, u[replay], limit/2)
	}
	within(all, l.slots)
	for _, u := range tenants {
		within(u, l.tenant)
	}
	for _, u := range endpoints {
		within(u, l.endpoint)
	}
}

// requireBusy holds that nothing waits that could run.
func requireBusy(t *rapid.T, s *scheduler) {
	before := false
	for r := range ranks {
		open := s.running.room(r, s.limits.slots) && (!before || s.running[r] < s.contended(r))
		for _, q := range s.classes[r].queues {
			before = true
			for _, j := range q.jobs {
				require.False(t, open && room(s.tenants, q.tenant, r, s.limits.tenant) && room(s.endpoints, j.delivery.Endpoint, r, s.limits.endpoint),
					"a job of tenant %x waits for nothing", q.tenant[0])
			}
		}
	}
}

func TestSchedulerTakesTurns(t *testing.T) {
	t.Parallel()
	var order []byte
	var running []*job
	s := newScheduler(limits{slots: 1, tenant: 10, endpoint: 10, queue: 100}, func(j *job) {
		order = append(order, j.delivery.Tenant[0])
		running = append(running, j)
	})
	for range 5 {
		require.NoError(t, s.put(t.Context(), testJob('a', 1, first)))
	}
	for _, tenant := range []byte("bbc") {
		require.NoError(t, s.put(t.Context(), testJob(tenant, 1, first)))
	}
	for len(running) > 0 {
		j := running[0]
		running = running[1:]
		s.done(j)
	}
	require.Equal(t, "aabcabaa", string(order), "one of each in turn, whoever has how many")
}

// TestSchedulerShares has the classes come one after the other, the least urgent
// first, each with more than there is room for.
func TestSchedulerShares(t *testing.T) {
	t.Parallel()
	var running [ranks][]*job
	s := newScheduler(limits{slots: 16, tenant: 100, endpoint: 100, queue: 100}, func(j *job) {
		running[rankOf(j)] = append(running[rankOf(j)], j)
	})
	counts := func() [ranks]int { return [ranks]int{len(running[first]), len(running[retry]), len(running[replay])} }
	end := func(r rank) {
		j := running[r][0]
		running[r] = running[r][1:]
		s.done(j)
	}
	flood := func(r rank) {
		for tenant := range byte(200) {
			require.NoError(t, s.put(t.Context(), testJob(tenant, byte(r), r)))
		}
	}
	flood(replay)
	require.Equal(t, [ranks]int{0, 0, 8}, counts(), "half while nothing else waits")
	flood(retry)
	require.Equal(t, [ranks]int{0, 4, 8}, counts(), "retries find a quarter free at once")
	flood(first)
	require.Equal(t, [ranks]int{4, 4, 8}, counts(), "and first attempts the last one")
	for range 6 {
		end(replay)
	}
	require.Equal(t, [ranks]int{10, 4, 2}, counts(), "what replays leave goes to first attempts, while retries have their quarter")
	end(replay)
	require.Equal(t, [ranks]int{11, 4, 1}, counts(), "no first attempt waits for a replay")
	end(retry)
	require.Equal(t, [ranks]int{12, 3, 1}, counts(), "nor for a retry")
	for len(s.classes[first].queues) > 0 {
		end(first)
	}
	require.Equal(t, [ranks]int{12, 3, 1}, counts())
	for range 12 {
		end(first)
	}
	require.Equal(t, [ranks]int{0, 11, 1}, counts(), "retries before replays, up to three quarters of both")
	for len(s.classes[retry].queues) > 0 {
		end(retry)
	}
	require.Equal(t, [ranks]int{0, 11, 1}, counts())
	for range 11 {
		end(retry)
	}
	require.Equal(t, [ranks]int{0, 0, 8}, counts(), "replays have their turn in the end")
}

// TestSchedulerSharesOfATenant: its replays leave room for its first attempts,
// also at one and the same endpoint.
func TestSchedulerSharesOfATenant(t *testing.T) {
	t.Parallel()
	var running usage
	s := newScheduler(limits{slots: 100, tenant: 16, endpoint: 8, queue: 100}, func(j *job) { running[rankOf(j)]++ })
	for n := range byte(30) {
		require.NoError(t, s.put(t.Context(), testJob('a', n%3, replay)))
	}
	require.Equal(t, usage{0, 0, 8}, running, "half of the tenant's")
	for range 30 {
		require.NoError(t, s.put(t.Context(), testJob('b', 1, replay)))
	}
	require.Equal(t, usage{0, 0, 12}, running, "half of the endpoint's")
	for range 30 {
		require.NoError(t, s.put(t.Context(), testJob('b', 1, retry)))
	}
	require.Equal(t, usage{0, 2, 12}, running, "three quarters of the endpoint's")
	for range 30 {
		require.NoError(t, s.put(t.Context(), testJob('b', 1, first)))
	}
	require.Equal(t, usage{2, 2, 12}, running)
}

func TestSchedulerPutWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running []*job
		s := newScheduler(limits{slots: 1, tenant: 1, endpoint: 1, queue: 1}, func(j *job) { running = append(running, j) })
		require.NoError(t, s.put(t.Context(), testJob('a', 1, first)))
		require.NoError(t, s.put(t.Context(), testJob('a', 1, first)))
		third := make(chan error, 1)
		go func() { third <- s.put(t.Context(), testJob('a', 1, first)) }()
		synctest.Wait()
		require.Empty(t, third, "the tenant's queue is full")
		require.NoError(t, s.put(t.Context(), testJob('b', 1, first)), "another's is not")
		s.done(running[0])
		synctest.Wait()
		require.NoError(t, <-third)

		ctx, cancel := context.WithCancel(t.Context())
		go func() { third <- s.put(ctx, testJob('a', 1, first)) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-third, context.Canceled)
		require.Len(t, s.close(), 2, "what waits is given back")
	})
}
