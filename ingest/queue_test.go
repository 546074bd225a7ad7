package ingest

import (
	"maps"
	"slices"
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

// TestQueueKeepsMuchApart has three tenants, one of which posts a lot.
func TestQueueKeepsMuchApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for range 4 {
			require.True(t, q.put(callOf('a', 64, 0)))
		}
		group, done := q.take()
		require.Equal(t, map[byte][]int{'a': {64, 64}}, sizes(group), "as much as a tenant may have in a group")

		require.True(t, q.put(callOf('b', 1, 0)))
		for range 3 {
			require.True(t, q.put(callOf('c', 20, 0)))
		}
		little, _ := q.take()
		require.Equal(t, map[byte][]int{'b': {1}, 'c': {20, 20, 20}}, sizes(little), "the other writer is for those with little")

		time.Sleep(time.Second) // the commit
		done()
		require.True(t, q.put(callOf('c', 40, 0)))
		require.True(t, q.put(callOf('c', 40, 0)), "which is much now")
		other, done := q.take()
		require.Equal(t, map[byte][]int{'c': {40, 40}}, sizes(other), "while the first rests")
		done()

		began := time.Now()
		rest, done := q.take()
		require.Equal(t, map[byte][]int{'a': {64, 64}}, sizes(rest))
		require.Equal(t, restFactor*time.Second, time.Since(began))
		done()
		q.close()
		last, _ := q.take()
		require.Nil(t, last)
		require.False(t, q.put(callOf('a', 1, 0)))
	})
}

// TestQueueSharesMuch: tenants with much share groups, a share for each, so that many
// of them are not slower than one.
func TestQueueSharesMuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for tenant := byte('a'); tenant <= 'e'; tenant++ {
			for range 2 {
				require.True(t, q.put(callOf(tenant, heavyShare, 0)))
			}
		}
		whole := []int{heavyShare}
		first, done := q.take()
		require.Equal(t, map[byte][]int{'a': whole, 'b': whole, 'c': whole}, sizes(first), "as many as fit")
		time.Sleep(time.Second)
		done()
		second, done := q.take()
		require.Equal(t, map[byte][]int{'d': whole, 'e': whole}, sizes(second), "the others rest")
		done()
		time.Sleep(restFactor * time.Second)
		synctest.Wait() // all have rested
		third, done := q.take()
		require.ElementsMatch(t, []int{heavyShare, heavyShare, heavyShare}, slices.Concat(slices.Collect(maps.Values(sizes(third)))...))
		done()
	})
}

// TestQueueTurnsBetweenMuchAndLittle: neither waits for ever while there is always
// more of the other.
func TestQueueTurnsBetweenMuchAndLittle(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for range 3 {
		require.True(t, q.put(callOf('b', 1, 0)))
		require.True(t, q.put(callOf('a', light+1, 0)))
		require.True(t, q.put(callOf('d', light+1, 0)))
	}
	var order []byte
	for range 3 {
		group, done := q.take()
		order = append(order, group[0][0].event.Tenant[0])
		require.True(t, q.put(callOf('b', 1, 0)))
		done()
	}
	require.Equal(t, "bab", string(order))
}

func TestQueueBoundsGroupsByBytes(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for range 3 {
		require.True(t, q.put(callOf('a', 1, groupBytes/2)))
	}
	require.True(t, q.put(callOf('b', 1, groupBytes+1)))
	for _, want := range []map[byte][]int{
		{'a': {1, 1}},
		{'a': {1}},
		{'b': {1}}, // more than a group may have, but alone
	} {
		group, done := q.take()
		require.Equal(t, want, sizes(group))
		done()
	}
}

// TestQueueProperties puts and takes in any sequence: nothing is lost or overtakes
// what its tenant posted before, groups are bounded, two are never at those with
// much, and all of it comes to an end.
func TestQueueProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		waiting := make(map[byte][]*request) // the first of each call
		var atWork []func()
		taken := func(group [][]request, done func()) {
			events := 0
			for _, call := range group {
				tenant := call[0].event.Tenant[0]
				require.Same(t, waiting[tenant][0], &call[0], "in the order of its tenant")
				if waiting[tenant] = waiting[tenant][1:]; len(waiting[tenant]) == 0 {
					delete(waiting, tenant)
				}
				events += len(call)
			}
			require.True(t, events <= groupEvents || len(group) == 1)
			atWork = append(atWork, done)
		}
		end := func(i int) {
			atWork[i]()
			atWork = slices.Delete(atWork, i, i+1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				call := callOf(rapid.ByteRange(1, 9).Draw(t, "tenant"), rapid.IntRange(1, 2*light).Draw(t, "events"), 0)
				if q.put(call) {
					tenant := call[0].event.Tenant[0]
					waiting[tenant] = append(waiting[tenant], &call[0])
				}
			},
			"take": func(*rapid.T) {
				q.mu.Lock()
				ready := len(q.little) > 0 || len(q.much) > 0 && !q.atMuch
				q.mu.Unlock()
				if ready {
					taken(q.take())
				}
			},
			"end": func(t *rapid.T) {
				if len(atWork) > 0 {
					end(rapid.IntRange(0, len(atWork)-1).Draw(t, "which"))
				}
			},
		})
		q.close()
		for len(atWork) > 0 {
			end(0)
		}
		for group, done := q.take(); group != nil; group, done = q.take() {
			taken(group, done)
			end(0)
		}
		require.Empty(t, waiting)
		require.Zero(t, q.length())
		require.Empty(t, q.lines)
	})
}
