package ingest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// length is how many events wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.events
}

// callOf is a call of n events of a tenant, with so many bytes each.
func callOf(tenant byte, n, bytes int) []request {
	call := make([]request, n)
	for i := range call {
		call[i].event = &store.NewEvent{Event: event.Event{Tenant: event.ID{tenant}, Payload: make([]byte, bytes)}}
	}
	return call
}

// sizes are the events of each call of a group, by tenant and in order.
func sizes(group [][]request) map[byte][]int {
	by := make(map[byte][]int)
	for _, call := range group {
		tenant := call[0].event.Tenant[0]
		by[tenant] = append(by[tenant], len(call))
	}
	return by
}

func TestQueueTakesTurns(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for range 10 {
		require.True(t, q.put(callOf('a', 100, 0)))
	}
	require.Equal(t, map[byte][]int{'a': {100, 100, 100, 100, 100}}, sizes(q.take()), "alone: a full group")
	require.True(t, q.put(callOf('b', 1, 0)))
	require.True(t, q.put(callOf('c', 40, 0)))
	require.True(t, q.put(callOf('c', 40, 0)))
	require.True(t, q.put(callOf('c', 40, 0)))
	require.Equal(t, map[byte][]int{'a': {100}, 'b': {1}, 'c': {40, 40}}, sizes(q.take()), "a turn of each")
	require.Equal(t, map[byte][]int{'a': {100}, 'c': {40}}, sizes(q.take()))
	require.Equal(t, map[byte][]int{'a': {100, 100, 100}}, sizes(q.take()))
	q.close()
	require.Nil(t, q.take())
	require.False(t, q.put(callOf('a', 1, 0)))
}

func TestQueueBoundsGroupsByBytes(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for range 3 {
		require.True(t, q.put(callOf('a', 1, groupBytes/2)))
	}
	require.True(t, q.put(callOf('b', 1, groupBytes+1)))
	require.Equal(t, map[byte][]int{'a': {1, 1}}, sizes(q.take()))
	require.Equal(t, map[byte][]int{'b': {1}}, sizes(q.take()), "more than a group may have, but alone")
	require.Equal(t, map[byte][]int{'a': {1}}, sizes(q.take()))
}

// TestQueueProperties puts and takes in any sequence: nothing is lost or overtakes
// what its tenant posted before, groups are bounded, and nobody is passed over.
func TestQueueProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		waiting := make(map[byte][]*request) // the first of each call
		take := func() {
			heads := make(map[byte]*request)
			for tenant, calls := range waiting {
				heads[tenant] = calls[0]
			}
			events := 0
			group := q.take()
			for _, call := range group {
				tenant := call[0].event.Tenant[0]
				require.Same(t, waiting[tenant][0], &call[0], "in the order of its tenant")
				waiting[tenant] = waiting[tenant][1:]
				if len(waiting[tenant]) == 0 {
					delete(waiting, tenant)
				}
				delete(heads, tenant)
				events += len(call)
			}
			require.True(t, events <= groupEvents || len(group) == 1)
			if len(heads) > 0 { // whose turn did not come, since the group was full
				require.Greater(t, events+groupEvents/2, groupEvents)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				call := callOf(rapid.ByteRange(1, 9).Draw(t, "tenant"), rapid.IntRange(1, groupEvents/2).Draw(t, "events"), 0)
				if q.put(call) {
					tenant := call[0].event.Tenant[0]
					waiting[tenant] = append(waiting[tenant], &call[0])
				}
			},
			"take": func(*rapid.T) {
				if len(waiting) > 0 {
					take()
				}
			},
		})
		for len(waiting) > 0 {
			take()
		}
		require.Zero(t, q.length())
		require.Empty(t, q.waiting)
		require.Empty(t, q.turns)
	})
}

// TestQueueRests: who had more than a turn has none before others that come, and
// what waits of it meanwhile is not forgotten, not even when the queue is closed.
func TestQueueRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for range 3 {
			require.True(t, q.put(callOf('a', turn+1, 0)))
		}
		wake := q.rest([][]request{callOf('a', turn+1, 0), callOf('b', turn, 0)})
		require.True(t, q.put(callOf('b', 1, 0)))
		require.Equal(t, map[byte][]int{'b': {1}}, sizes(q.take()), "a turn is no reason to rest")
		require.True(t, q.put(callOf('a', 1, 0)))

		time.Sleep(time.Second) // the commit
		wake()
		q.close()
		began := time.Now()
		require.Equal(t, map[byte][]int{'a': {turn + 1, turn + 1, turn + 1, 1}}, sizes(q.take()))
		require.Equal(t, restFactor*time.Second, time.Since(began))
		require.Nil(t, q.take())
		require.Empty(t, q.resting)
	})
}
