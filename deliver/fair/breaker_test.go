package fair

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func after(d time.Duration) Limits {
	l := Defaults()
	l.BreakerAfter = d
	return l
}

func toEndpoint(j *Job) { j.Lane = OfEndpoint }

func failed(took time.Duration) Report { return Report{Result: Failure, Took: took} }

// attempt has one attempt fail or succeed, after the time that it took, and after
// the endpoint's rest.
func (b *bench) attempt(t *testing.T, r Report, set ...func(*Job)) {
	t.Helper()
	j := b.put('a', 1, set...)
	if j.told == 0 {
		b.pass(time.Until(j.endpoint.rest.until))
	}
	require.Equal(t, 1, j.told, "it starts")
	require.Contains(t, b.running, j)
	time.Sleep(r.Took)
	b.end(r, func(other *testJob) bool { return other == j })
}

func TestBreakerOpens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		report Report
		pause  time.Duration
		after  time.Duration
		want   int // the failure that opens it; 0: none of 200 does
	}{
		"quick failures":           {failed(time.Millisecond), time.Second, 10 * time.Second, 20},
		"very quick failures":      {failed(0), 100 * time.Millisecond, 10 * time.Second, 101},
		"timeouts":                 {failed(15 * time.Second), 0, 10 * time.Second, 5},
		"failures of four seconds": {failed(4 * time.Second), 0, 10 * time.Second, 5},
		"of three seconds":         {failed(3 * time.Second), 0, 10 * time.Second, 7},
		"a longer time":            {failed(time.Second), 0, time.Minute, 61},
		"never":                    {failed(time.Minute), 0, 0, 0},
		"successes":                {Report{Result: Success, Took: time.Minute}, 0, 10 * time.Second, 0},
		"no attempts":              {Report{Result: None, Took: time.Minute}, 0, 10 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, after(tt.after))
				n := 0
				for n < 200 && len(b.changes) == 0 {
					b.attempt(t, tt.report)
					time.Sleep(tt.pause)
					n++
				}
				if tt.want == 0 {
					require.Empty(t, b.changes)
					return
				}
				require.Equal(t, tt.want, n)
				c := b.changes[0]
				require.Equal(t, BreakerOpened, c.State)
				require.Equal(t, target('a', 1).Endpoint, c.Endpoint)
				require.Equal(t, target('a', 1).Tenant, c.Tenant)
				require.Zero(t, c.Failed)
				require.Equal(t, firstOpen-tt.pause, time.Until(c.Probe))
			})
		})
	}
}

// TestBreakerNeedsARun: an endpoint that fails each event twice never trips it.
func TestBreakerNeedsARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(10*time.Second))
		for range 200 {
			b.attempt(t, failed(10*time.Second))
			b.attempt(t, failed(10*time.Second))
			b.attempt(t, quick)
		}
		require.Empty(t, b.changes)
	})
}

// opened opens the breaker of an endpoint.
func opened(t *testing.T, b *bench) {
	t.Helper()
	for len(b.changes) == 0 {
		b.attempt(t, failed(15*time.Second))
	}
	require.Len(t, b.changes, 1)
}

func TestOpenBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(10*time.Second))
		opened(t, b)
		recorded := func(j *Job) { j.Lane, j.Broken = OfEndpoint, b.changes[0].Broken }
		wait := firstOpen
		for n := 1; n <= 8; n++ {
			probe := b.changes[len(b.changes)-1].Probe
			require.Equal(t, wait, time.Until(probe))
			own := target('a', 1)
			own.Broken = b.changes[0].Broken
			for _, lane := range []Lane{Shared, OfTenant, OfEndpoint} {
				j := b.job('a', 1, recorded, func(j *Job) { j.Lane = lane })
				require.Equal(t, Verdict{Answer: EndpointBusy, Until: probe}, b.Put(&j.Job))
			}
			room := b.Room(&own)
			require.Zero(t, room.N)
			require.Equal(t, probe, room.At)
			time.Sleep(wait)
			require.Equal(t, Verdict{Answer: EndpointBusy}, b.Put(&b.job('a', 1, recorded, of(first), func(j *Job) { j.Lane = Shared }).Job), "the probe is for the endpoint's own lane")
			require.Equal(t, 1, b.Room(&own).N)
			j := b.put('a', 1, recorded)
			require.Len(t, b.running, 1)
			require.Zero(t, b.Room(&own).N, "one at a time")
			require.Equal(t, Verdict{Answer: EndpointBusy}, b.Put(&b.job('a', 1, recorded).Job))
			if n == 1 { // it was not made after all
				b.end(Report{}, whichever)
				j = b.put('a', 1, recorded)
			}
			require.Equal(t, 1, j.told)
			b.end(failed(time.Second), whichever)
			require.Equal(t, ProbeFailed, b.changes[n].State)
			require.Equal(t, n, b.changes[n].Failed)
			require.Equal(t, b.changes[0].Since, b.changes[n].Since)
			wait = min(2*wait, longestOpen)
		}
		require.Equal(t, longestOpen, wait)
		time.Sleep(wait)
		b.attempt(t, quick, recorded)
		require.Equal(t, BreakerClosed, b.changes[len(b.changes)-1].State)
		for want := 1; want <= 16; want++ { // and it ramps up
			for range 20 {
				b.put('a', 1, toEndpoint)
			}
			require.Len(t, b.running, want)
			b.end(quick, whichever)
		}
	})
}

// TestInFlightAtTheOpening: what was in flight then neither closes the breaker nor
// counts as a probe.
func TestInFlightAtTheOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(10*time.Second))
		for range 16 {
			b.attempt(t, quick)
		}
		for range 16 {
			b.put('a', 1)
		}
		for range 5 {
			time.Sleep(5 * time.Second)
			b.end(failed(5*time.Second), whichever)
		}
		require.Len(t, b.changes, 1)
		require.Len(t, b.running, 11)
		time.Sleep(firstOpen)
		for range 5 {
			b.end(quick, whichever)
			b.end(failed(time.Second), whichever)
		}
		require.Len(t, b.changes, 1)
		require.Zero(t, b.Put(&b.job('a', 1, toEndpoint).Job))
		b.end(quick, whichever)
		require.Len(t, b.changes, 1)
		b.end(quick, whichever)
		require.Len(t, b.changes, 2)
	})
}

// TestOpeningGivesBack: what waits for an endpoint whose breaker opens goes back,
// and what waits for another does not.
func TestOpeningGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{Slots: 1, Tenant: 1, Endpoint: 1, Queue: 10, BreakerAfter: 10 * time.Second})
		for range runLength {
			b.put('a', 1, of(retry))
		}
		waits := []*testJob{b.put('a', 1, of(retry)), b.put('a', 1, of(replay)), b.put('a', 1, of(retry), toEndpoint)}
		spared := b.put('a', 2, of(retry))
		for range runLength {
			require.Empty(t, b.back)
			time.Sleep(15 * time.Second)
			b.end(failed(15*time.Second), whichever)
		}
		require.ElementsMatch(t, waits, b.back)
		require.Equal(t, Verdict{Answer: EndpointBusy, Until: b.changes[0].Probe}, waits[0].verdict)
		require.Equal(t, []*testJob{spared}, b.running)
	})
}

// TestDirectoryKnowsBreakers: an opening that others have found counts here, and
// its end too, also of one that was found here.
func TestDirectoryKnowsBreakers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(10*time.Second))
		broken := Broken{Since: time.Now().Add(-time.Hour), Probe: time.Now().Add(20 * time.Second), Failed: 3}
		known := func(j *Job) { j.Broken = broken }
		busy := func(set ...func(*Job)) bool {
			j := b.job('a', 1, set...)
			v := b.Put(&j.Job)
			if v.Answer == Queued {
				b.end(Report{}, func(other *testJob) bool { return other == j })
			}
			return v.Answer == EndpointBusy
		}
		require.True(t, busy(known))
		require.Empty(t, b.changes, "who tells it knows")
		require.False(t, busy(), "somebody has closed it")
		require.True(t, busy(known, func(j *Job) { j.Broken.Since = time.Now().Add(1) }), "and it was opened again")
		time.Sleep(20 * time.Second)
		b.attempt(t, failed(0), toEndpoint, func(j *Job) { j.Broken = b.endpoints.byID[j.Endpoint].breaker.open })
		require.Equal(t, 4, b.changes[0].Failed)
		require.Equal(t, firstOpen<<4, time.Until(b.changes[0].Probe), "it goes on where the other was")
		require.False(t, busy())

		b.changes = nil
		opened(t, b)
		require.True(t, busy(), "the directory does not know yet")
		recorded := b.changes[0].Broken
		require.True(t, busy(func(j *Job) { j.Broken = recorded }))
		require.False(t, busy(), "it knew, and knows that it is over")
		require.False(t, busy(func(j *Job) { j.Broken = recorded }), "it is behind")

		b.changes = nil
		opened(t, b)
		time.Sleep(recordedWithin)
		require.True(t, busy())
		time.Sleep(time.Millisecond)
		require.False(t, busy(), "it never knew: the record has failed, or was undone at once")
	})
}

// TestBreakerProperties has an endpoint's own lane serve it through any sequence of
// results, and compares with what was promised.
func TestBreakerProperties(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rapid.T) {
		b := newBench(r, after(10*time.Second))
		defer b.Close()
		var run []time.Duration // the failures since the last success, by what they weigh
		var since time.Time     // the first of them
		var open *BreakerChange
		own := target('a', 1)
		for range rapid.IntRange(1, 60).Draw(r, "attempts") {
			own.Broken = Broken{}
			if open != nil {
				own.Broken = open.Broken
			}
			room := b.Room(&own)
			if room.N == 0 {
				require.True(r, open != nil || !room.At.IsZero())
				time.Sleep(time.Until(room.At))
			}
			j := b.put('a', 1, toEndpoint, func(j *Job) { j.Target = own })
			require.Contains(r, b.running, j)
			report := Report{
				Result: rapid.SampledFrom([]Result{None, Success, Failure, Failure, Failure, Failure}).Draw(r, "result"),
				Took:   time.Duration(rapid.IntRange(0, 20_000).Draw(r, "ms")) * time.Millisecond,
			}
			time.Sleep(report.Took)
			b.changes = nil
			b.end(report, whichever)
			require.LessOrEqual(r, len(b.changes), 1)
			switch {
			case open != nil && report.Result == Success:
				require.Equal(r, BreakerClosed, b.changes[0].State)
				open, run = nil, nil
			case open != nil && report.Result == Failure:
				require.Equal(r, ProbeFailed, b.changes[0].State)
				require.Equal(r, open.Failed+1, b.changes[0].Failed)
				open = &b.changes[0]
				require.Equal(r, min(firstOpen<<open.Failed, longestOpen), time.Until(open.Probe))
			case report.Result == Success:
				run = nil
				require.Empty(r, b.changes)
			case report.Result == None:
				require.Empty(r, b.changes)
			default:
				if len(run) == 0 {
					since = time.Now()
				}
				run = append(run, max(report.Took, time.Second))
				var weight time.Duration
				for _, w := range run {
					weight += w
				}
				if len(run) < 5 || weight < 20*time.Second || time.Since(since) < 10*time.Second {
					require.Empty(r, b.changes)
					continue
				}
				require.Equal(r, BreakerOpened, b.changes[0].State)
				open = &b.changes[0]
				require.Equal(r, 5*time.Second, time.Until(open.Probe))
			}
		}
	})
}
