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

// rests is how long the endpoint of the tests rests from now on.
func (b *bench) rests() time.Duration {
	own := target('a', 1)
	if room := b.Room(&own); room.N == 0 {
		return time.Until(room.At)
	}
	return 0
}

// TestRests has an endpoint that has too much to do, again and again: each rest is
// twice as long as the one before, until it takes something.
func TestRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		for _, want := range []int{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
			b.attempt(t, throttled(0))
			rest := time.Duration(want) * time.Millisecond
			require.Equal(t, rest, b.rests())
			if rest > shortRest {
				v := b.Put(&b.job('a', 1, of(retry)).Job)
				require.Equal(t, Verdict{Answer: EndpointBusy, Until: time.Now().Add(rest)}, v)
			}
			require.Equal(t, Queued, b.Put(&b.job('a', 2).Job).Answer, "another endpoint")
			b.end(quick, whichever)
			time.Sleep(rest)
			require.Zero(t, b.rests())
		}
		require.Equal(t, 1, b.endpoints.byID[target('a', 1).Endpoint].window)
		b.attempt(t, quick)
		b.attempt(t, throttled(0))
		require.Equal(t, firstRest, b.rests(), "a success starts over")
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
		require.Equal(t, firstRest, b.rests())
		time.Sleep(firstRest / 2)
		b.end(throttled(0), whichever)
		require.Equal(t, firstRest, b.rests(), "it has just said so again")
		time.Sleep(firstRest)
		b.attempt(t, throttled(0))
		require.Equal(t, 2*firstRest, b.rests())
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		b.attempt(t, throttled(7*time.Second))
		require.Equal(t, 7*time.Second, b.rests())
		time.Sleep(7 * time.Second)
		b.attempt(t, throttled(time.Millisecond))
		require.Equal(t, 2*firstRest, b.rests(), "not shorter than without")
		time.Sleep(2 * firstRest)
		b.attempt(t, Report{Result: Failure, Took: time.Millisecond, RetryAfter: 3 * time.Second})
		require.Equal(t, 3*time.Second, b.rests(), "whatever the failure")
		time.Sleep(3 * time.Second)
		b.attempt(t, throttled(48*time.Hour))
		require.Equal(t, longestWish, b.rests())
	})
}

// TestPace: an endpoint that fails at once does not go through its backlog
// meanwhile.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(10*time.Second))
		began := time.Now()
		n := 0
		for len(b.changes) == 0 {
			b.attempt(t, failed(0))
			n++
			switch n {
			case 9:
				require.Zero(t, time.Since(began))
				require.Zero(t, b.rests())
			case 10, 209:
				require.Equal(t, firstPace, b.rests())
			case 210:
				require.Equal(t, 2*firstPace, b.rests())
			}
		}
		require.Equal(t, 685, n)
	})
}

// TestPaceEnds: a success ends the rest of a run, and the run.
func TestPaceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(time.Hour))
		for range 16 {
			b.attempt(t, quick)
		}
		for range 16 {
			b.put('a', 1)
		}
		for range 15 {
			b.end(failed(0), whichever)
		}
		require.Equal(t, firstPace, b.rests())
		waiting := b.put('a', 1)
		require.Zero(t, waiting.told)
		b.end(quick, whichever)
		require.Equal(t, []*testJob{waiting}, b.running)
		b.end(failed(0), whichever)
		require.Zero(t, b.rests())
	})
}

// TestWishOutlastsSuccess: what an endpoint asked for holds, whatever comes of what
// was in flight.
func TestWishOutlastsSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		b.put('a', 1)
		b.put('a', 1)
		b.end(Report{Result: Failure, RetryAfter: time.Second}, whichever)
		b.end(quick, whichever)
		require.Equal(t, time.Second, b.rests())
	})
}

// TestShortRest: a few jobs from lanes that are not the endpoint's wait for its
// end, the others go.
func TestShortRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(0))
		b.attempt(t, throttled(0))
		for n := range restLine {
			require.Equal(t, Queued, b.Put(&b.job('a', 1, func(j *Job) { j.Lane = Lane(n % 2) }).Job).Answer)
		}
		require.Empty(t, b.running)
		for _, l := range []Lane{Shared, OfTenant} {
			v := b.Put(&b.job('a', 1, of(retry), func(j *Job) { j.Lane = l }).Job)
			require.Equal(t, Verdict{Answer: EndpointBusy, Until: time.Now().Add(firstRest)}, v)
		}
		require.Equal(t, Queued, b.Put(&b.job('a', 1, toEndpoint).Job).Answer)
		b.pass(firstRest)
		require.NotEmpty(t, b.running)
		require.Empty(t, b.back)
	})
}

// TestRestsWithJobsWaiting: they wait for the end of a short rest, and start then; a
// long one gives them back.
func TestRestsWithJobsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := after(0)
		l.Endpoint = 1
		b := newBench(t, l)
		b.put('a', 1)
		own, shared := b.put('a', 1, toEndpoint), b.put('a', 1, of(retry))
		b.end(throttled(0), whichever)
		require.Empty(t, b.back)
		require.Empty(t, b.running)
		b.pass(firstRest)
		require.Equal(t, []*testJob{own}, b.running, "nobody had to come by")
		again := b.put('a', 1, toEndpoint)
		b.end(throttled(time.Minute), whichever)
		require.ElementsMatch(t, []*testJob{shared, again}, b.back)
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
