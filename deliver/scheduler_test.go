package deliver

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
)

func testJob(tenant, endpoint byte, attempt int) *job {
	return &job{delivery: &event.Delivery{Tenant: event.ID{tenant}, Endpoint: event.ID{tenant, endpoint}, Attempt: attempt}}
}

// TestSchedulerProperties drives a scheduler with any sequence of arrivals and
// endings and holds it to its promises after each step.
func TestSchedulerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := limits{slots: 8, tenant: 4, endpoint: 2, queue: 3}
		var running []*job
		waiting := 0
		s := newScheduler(l, func(j *job) { running = append(running, j); waiting-- })
		put, started := 0, 0
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				j := testJob(rapid.ByteRange(1, 5).Draw(t, "tenant"), rapid.ByteRange(1, 3).Draw(t, "endpoint"), rapid.IntRange(1, 2).Draw(t, "attempt"))
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
				require.LessOrEqual(t, len(running), l.slots)
				tenants, endpoints := map[event.ID]int{}, map[event.ID]int{}
				rest := 0
				for _, j := range running {
					tenants[j.delivery.Tenant]++
					endpoints[j.delivery.Endpoint]++
					if j.delivery.Attempt > 1 {
						rest++
					}
				}
				for id, n := range tenants {
					require.LessOrEqual(t, n, l.tenant, "tenant %x", id[0])
				}
				for id, n := range endpoints {
					require.LessOrEqual(t, n, l.endpoint, "endpoint %x", id[:2])
				}
				require.LessOrEqual(t, rest, l.slots*3/4)
				require.Equal(t, put, started+len(running)+waiting)
				require.Equal(t, s.tenants, tenants, "counts of what runs")
				require.Equal(t, s.endpoints, endpoints)
				requireBusy(t, s, l)
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
		require.Empty(t, s.first.queues)
		require.Empty(t, s.rest.queues)
		require.Zero(t, s.running)
	})
}

// requireBusy holds that no first attempt waits that could run.
func requireBusy(t *rapid.T, s *scheduler, l limits) {
	if s.running >= l.slots {
		return
	}
	for _, q := range s.first.queues {
		for _, j := range q.jobs {
			require.True(t, s.tenants[q.tenant] >= l.tenant || s.endpoints[j.delivery.Endpoint] >= l.endpoint,
				"a job of tenant %x waits for nothing", q.tenant[0])
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
		require.NoError(t, s.put(t.Context(), testJob('a', 1, 1)))
	}
	for _, tenant := range []byte("bbc") {
		require.NoError(t, s.put(t.Context(), testJob(tenant, 1, 1)))
	}
	for len(running) > 0 {
		j := running[0]
		running = running[1:]
		s.done(j)
	}
	require.Equal(t, "aabcabaa", string(order), "one of each in turn, whoever has how many")
}

func TestSchedulerKeepsRetriesToTheirShare(t *testing.T) {
	t.Parallel()
	var firsts, retries int
	s := newScheduler(limits{slots: 8, tenant: 100, endpoint: 100, queue: 100}, func(j *job) {
		if j.delivery.Attempt > 1 {
			retries++
		} else {
			firsts++
		}
	})
	for tenant := range byte(20) {
		require.NoError(t, s.put(t.Context(), testJob(tenant, 1, 2)))
	}
	require.Equal(t, 6, retries, "three quarters while no first attempt waits")
	for tenant := range byte(20) {
		require.NoError(t, s.put(t.Context(), testJob(tenant, 2, 1)))
	}
	require.Equal(t, 2, firsts, "the rest is theirs at once")
	for range 4 {
		s.done(testJob(0, 1, 2))
		s.tenants[event.ID{0}], s.endpoints[event.ID{0, 1}] = 1, 1 // the same job ends again, for any other
	}
	require.Equal(t, 6, firsts, "and what retries leave, down to their quarter")
	require.Equal(t, 6, retries)
}

func TestSchedulerPutWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running []*job
		s := newScheduler(limits{slots: 1, tenant: 1, endpoint: 1, queue: 1}, func(j *job) { running = append(running, j) })
		require.NoError(t, s.put(t.Context(), testJob('a', 1, 1)))
		require.NoError(t, s.put(t.Context(), testJob('a', 1, 1)))
		third := make(chan error, 1)
		go func() { third <- s.put(t.Context(), testJob('a', 1, 1)) }()
		synctest.Wait()
		require.Empty(t, third, "the tenant's queue is full")
		require.NoError(t, s.put(t.Context(), testJob('b', 1, 1)), "another's is not")
		s.done(running[0])
		synctest.Wait()
		require.NoError(t, <-third)

		ctx, cancel := context.WithCancel(t.Context())
		go func() { third <- s.put(ctx, testJob('a', 1, 1)) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-third, context.Canceled)
		require.Len(t, s.close(), 2, "what waits is given back")
	})
}
