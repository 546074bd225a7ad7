package fair

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func throttled(wish time.Duration) Report {
	return Report{Result: Throttled, Took: time.Millisecond, RetryAfter: wish}
}

// TestRests has an endpoint that has too much to do, again and again: each rest is
// twice as long as the one before, until it takes something.
func TestRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		own := target('a', 1)
		for _, want := range []int{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
			b.attempt(t, throttled(0))
			rest := time.Duration(want) * time.Millisecond
			v := b.Put(&b.job('a', 1, of(retry)).Job)
			require.Equal(t, Verdict{Answer: EndpointBusy, Until: time.Now().Add(rest)}, v)
			require.Equal(t, Queued, b.Put(&b.job('a', 2).Job).Answer, "another endpoint")
			b.end(quick, whichever)
			room := b.Room(&own)
			require.Zero(t, room.N)
			require.Equal(t, v.Until, room.At)
			time.Sleep(rest)
			require.Equal(t, atOnce, b.Room(&own).N)
		}
		require.Equal(t, 1, b.endpoints.byID[own.Endpoint].window)
		b.attempt(t, quick)
		b.attempt(t, throttled(0))
		require.Equal(t, firstRest, time.Until(b.Put(&b.job('a', 1).Job).Until), "a success starts over")
	})
}

// TestOneRestAtATime: attempts that were in flight together make one rest.
func TestOneRestAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		for range 4 {
			b.put('a', 1)
		}
		time.Sleep(time.Millisecond)
		b.end(throttled(0), whichever)
		b.end(throttled(0), whichever)
		b.end(quick, whichever)
		require.Equal(t, firstRest, time.Until(b.Put(&b.job('a', 1).Job).Until))
		time.Sleep(firstRest / 2)
		b.end(throttled(0), whichever)
		require.Equal(t, firstRest, time.Until(b.Put(&b.job('a', 1).Job).Until), "it has just said so again")
		time.Sleep(firstRest)
		b.attempt(t, throttled(0))
		require.Equal(t, 2*firstRest, time.Until(b.Put(&b.job('a', 1).Job).Until))
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		until := func() time.Duration { return time.Until(b.Put(&b.job('a', 1).Job).Until) }
		b.attempt(t, throttled(7*time.Second))
		require.Equal(t, 7*time.Second, until())
		time.Sleep(7 * time.Second)
		b.attempt(t, throttled(time.Millisecond))
		require.Equal(t, 2*firstRest, until(), "not shorter than without")
		time.Sleep(2 * firstRest)
		b.attempt(t, Report{Result: Failure, Took: time.Millisecond, RetryAfter: 3 * time.Second})
		require.Equal(t, 3*time.Second, until(), "whatever the failure")
		time.Sleep(3 * time.Second)
		b.attempt(t, throttled(48*time.Hour))
		require.Equal(t, longestWish, until())
	})
}

// TestRestsOfOwnLanes: jobs of the endpoint's own lane wait for the end of a short
// rest, and start then; a long one gives them back.
func TestRestsOfOwnLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := after(0)
		l.Endpoint = 1
		b := newBench(t, l)
		b.put('a', 1)
		own, shared := b.put('a', 1, toEndpoint), b.put('a', 1, of(retry))
		b.end(throttled(0), whichever)
		require.Equal(t, []*testJob{shared}, b.back)
		require.Equal(t, firstRest, time.Until(shared.verdict.Until))
		require.Empty(t, b.running)
		time.Sleep(firstRest)
		synctest.Wait()
		require.Equal(t, []*testJob{own}, b.running, "nobody had to come by")
		again := b.put('a', 1, toEndpoint)
		b.end(throttled(time.Minute), whichever)
		require.Equal(t, []*testJob{shared, again}, b.back)
		require.Equal(t, time.Minute, time.Until(again.verdict.Until))
	})
}

// TestRoom: an own lane fetches what can start soon.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{Slots: 1, Tenant: 1, Endpoint: 1, Queue: 1})
		lane, tenant := target('a', 1), Target{Tenant: target('a', 1).Tenant}
		require.Equal(t, Room{N: atOnce}, b.Room(&lane))
		require.Equal(t, Room{N: atOnce}, b.Room(&tenant))
		require.Empty(t, b.endpoints.byID, "asking leaves nothing behind")
		b.put('b', 1) // takes the slot
		for range prefetch - 3 {
			b.put('a', 1, toEndpoint)
			b.put('a', 2, func(j *Job) { j.Lane = OfTenant })
		}
		require.Equal(t, 3, b.Room(&lane).N)
		require.Equal(t, 3, b.Room(&tenant).N)
		for range 3 {
			b.put('a', 1, toEndpoint)
			b.put('a', 2, func(j *Job) { j.Lane = OfTenant })
		}
		ofLane, ofTenant := b.Room(&lane), b.Room(&tenant)
		require.Zero(t, ofLane.N)
		require.Zero(t, ofTenant.N)
		lane.Rate = 400
		require.Equal(t, atOnce, b.Room(&lane).N, "for the next refill")
		require.Equal(t, Queued, b.Put(&b.job('a', 3).Job).Answer, "own lanes take no place of others")
		b.end(quick, whichever)
		b.end(quick, whichever)
		<-ofLane.Changed
		<-ofTenant.Changed
		require.Zero(t, ofLane.At)
	})
}

// TestForgets: endpoints without anything to do are remembered up to a bound, and
// those that something is to be said of for longer.
func TestForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		b.attempt(t, throttled(time.Hour))
		for n := range remembered + 100 {
			j := b.job('b', 1, func(j *Job) { j.Endpoint = numbered(n) })
			b.Put(&j.Job)
			b.end(quick, whichever)
		}
		require.Len(t, b.endpoints.byID, remembered)
		require.Contains(t, b.endpoints.byID, target('a', 1).Endpoint)
		require.NotContains(t, b.endpoints.byID, numbered(0))
		require.Contains(t, b.endpoints.byID, numbered(remembered))
	})
}
