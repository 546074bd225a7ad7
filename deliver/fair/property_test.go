package fair

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
)

// world is a scheduler and everything that has happened to it.
type world struct {
	*bench
	t       *rapid.T
	jobs    []*testJob
	starts  map[event.ID][]time.Time // of tenants and endpoints
	pending int                      // queued, and their owner has not heard yet
}

// rates of the endpoints and tenants by their numbers; most have none.
func rateOf(n byte) int { return map[byte]int{2: 7, 3: 40}[n] }

// arrive puts a job of any kind.
func (w *world) arrive() {
	tenant, endpoint := rapid.ByteRange(1, 4).Draw(w.t, "tenant"), rapid.ByteRange(1, 4).Draw(w.t, "endpoint")
	j := w.job(tenant, endpoint,
		of(class(rapid.IntRange(0, 2).Draw(w.t, "class"))),
		func(j *Job) {
			j.Lane = Lane(rapid.IntRange(0, 2).Draw(w.t, "lane"))
			j.Priority = rapid.SampledFrom([]event.Priority{event.High, "", event.Low}).Draw(w.t, "priority")
			j.Weight, j.Rate, j.TenantRate = int(tenant), rateOf(endpoint), rateOf(tenant)
		})
	if j.Lane != Shared {
		target := j.Target
		if j.Lane == OfTenant {
			target.Endpoint = event.ID{}
		}
		if w.Room(&target).N == 0 { // whoever serves the lane would not have fetched it
			return
		}
	}
	w.pending++
	if v := w.Put(&j.Job); v.Answer == Queued {
		w.jobs = append(w.jobs, j)
	} else {
		w.pending--
		require.Equal(w.t, v.Answer == TenantFull, v.Room != nil)
	}
}

// began checks a job at the moment of its start: everything that it may not exceed.
func (w *world) began(j *testJob) {
	require.Zero(w.t, j.told, "told once")
	w.pending--
	e, now := j.endpoint, time.Now()
	require.LessOrEqual(w.t, e.running.total(), e.window)
	if e.slow || j.Lane != Shared {
		require.LessOrEqual(w.t, w.lagging, w.limits.Slots*3/4)
	}
	require.False(w.t, now.Before(e.rest.until), "it rests")
	require.True(w.t, !e.breaker.isOpen() || e.breaker.probe == &j.Job && !now.Before(e.breaker.open.Probe))
	w.starts[j.Tenant] = append(w.starts[j.Tenant], now)
	w.starts[j.Endpoint] = append(w.starts[j.Endpoint], now)
}

// end ends any attempt in any way; from some endpoints nothing good comes.
func (w *world) end(results ...Result) {
	if len(w.running) == 0 {
		return
	}
	j := w.running[rapid.IntRange(0, len(w.running)-1).Draw(w.t, "which")]
	r := Report{Result: rapid.SampledFrom(results).Draw(w.t, "result"), Took: time.Since(j.began)}
	if r.Result > Success && rapid.IntRange(0, 9).Draw(w.t, "asks for rest") == 0 {
		r.RetryAfter = time.Duration(rapid.IntRange(1, 5000).Draw(w.t, "ms")) * time.Millisecond
	}
	w.bench.end(r, func(other *testJob) bool { return other == j })
}

// TestProperties has jobs of all kinds arrive and end in any order and at any
// times, and holds the scheduler to its promises after each step.
func TestProperties(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rapid.T) {
		w := &world{t: r, starts: make(map[event.ID][]time.Time)}
		w.bench = newBench(r, Limits{Slots: 16, Tenant: 8, Endpoint: 6, Queue: 3, BreakerAfter: 2 * time.Second})
		w.onStart = w.began
		w.onBack = func(j *testJob) {
			require.Zero(r, j.told, "told once")
			w.pending--
		}
		defer w.Close()
		r.Repeat(map[string]func(*rapid.T){
			"arrive":   func(*rapid.T) { w.arrive() },
			"arrive ":  func(*rapid.T) { w.arrive() },
			"end":      func(*rapid.T) { w.end(None, Success, Failure, Throttled) },
			"end well": func(*rapid.T) { w.end(Success) },
			"fail":     func(*rapid.T) { w.end(Failure, Throttled) },
			"pass": func(r *rapid.T) {
				w.pass(rapid.SampledFrom([]time.Duration{time.Millisecond, 30 * time.Millisecond, 300 * time.Millisecond, 6 * time.Second}).Draw(r, "time"))
			},
			"": func(*rapid.T) {
				synctest.Wait()
				w.requireCounts()
				w.requireBusy()
			},
		})
		for len(w.running) > 0 || w.pending > 0 { // everything ends well: nothing may be left waiting
			require.NotZero(r, len(w.running)+len(w.wakes), "nothing will ever start what waits")
			for len(w.running) > 0 {
				w.bench.end(quick, whichever)
			}
			w.pass(10 * time.Millisecond)
			synctest.Wait()
		}
		w.requireNothing()
	})
}

// requireCounts counts what runs and waits, and compares.
func (w *world) requireCounts() {
	var all usage
	tenants, endpoints := map[event.ID]*usage{}, map[event.ID]*usage{}
	hold := func(of map[event.ID]*usage, id event.ID, c class) {
		if of[id] == nil {
			of[id] = &usage{}
		}
		of[id][c]++
	}
	lagging := 0
	for _, j := range w.running {
		all[j.class]++
		hold(tenants, j.Tenant, j.class)
		hold(endpoints, j.Endpoint, j.class)
		if j.Lane != Shared || j.endpoint.slow {
			lagging++
		}
	}
	within := func(u usage, limit int) {
		require.LessOrEqual(w.t, u.total(), limit)
		require.LessOrEqual(w.t, u[retry]+u[replay], limit*3/4)
		require.LessOrEqual(w.t, u[replay], limit/2)
	}
	require.Equal(w.t, all, w.Scheduler.running)
	require.Equal(w.t, lagging, w.lagging)
	within(all, w.limits.Slots)
	waiting := 0
	for id, t := range w.tenants {
		if u := tenants[id]; u != nil {
			require.Equal(w.t, *u, t.running)
			within(t.running, w.limits.Tenant)
		}
		for c := range t.queues {
			waiting += t.queues[c].len()
			require.LessOrEqual(w.t, t.queues[c].shared, w.limits.Queue)
		}
	}
	require.Equal(w.t, w.pending, waiting)
	for id, u := range endpoints {
		require.Equal(w.t, *u, w.endpoints.byID[id].running)
		within(*u, w.limits.Endpoint)
	}
	for id, times := range w.starts {
		n := id[1]
		if n == 0 {
			n = id[0]
		}
		if rate := rateOf(n); rate > 0 {
			burst, _ := tokens(rate)
			require.LessOrEqual(w.t, most(times), rate+burst)
		}
	}
}

// requireBusy holds that nothing waits that could run.
func (w *world) requireBusy() {
	now := time.Now()
	for _, t := range w.tenants {
		tenantReady, _ := w.rates.ready(t.id, t.rate, now)
		for c := range classes {
			for j := range t.queues[c].jobs {
				e := j.endpoint
				ready, _ := w.rates.ready(e.id, e.rate, now)
				require.False(w.t, w.admits(c) && t.running.room(c, w.limits.Tenant) && e.running.room(c, e.window) &&
					tenantReady && ready && !now.Before(e.rest.until) && e.breaker.ready(now) &&
					(j.Lane == Shared && !e.slow || w.lagging < w.limits.Slots*3/4),
					"a %s job of tenant %x for endpoint %x waits for nothing", j.Class, t.id[0], e.id[1])
			}
		}
	}
}

// requireNothing holds that nothing is left.
func (w *world) requireNothing() {
	require.Empty(w.t, w.tenants)
	require.Zero(w.t, w.Scheduler.running)
	require.Zero(w.t, w.lagging)
	require.Zero(w.t, w.young.len)
	require.Zero(w.t, w.endpoints.active.len)
	require.Empty(w.t, w.wakes)
	for c := range classes {
		require.False(w.t, w.classes[c].wants())
		require.Nil(w.t, w.classes[c].promised)
	}
}

// TestNobodyStarves floods a scheduler with jobs of a few kinds, so that more waits
// than can start at any time, and holds that each queue that is not empty is served
// within a bound: whatever its class, or, in the second half, however slow it is.
func TestNobodyStarves(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string]struct {
		classes []event.Class
		lanes   []Lane
		slow    byte // tenants, of 4
	}{
		"classes": {[]event.Class{event.First, event.Retry, event.Replay}, []Lane{Shared}, 0},
		"share":   {[]event.Class{event.First}, []Lane{Shared, OfTenant}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(r *rapid.T) {
				f := &flood{r: r, slow: kinds.slow}
				f.bench = newBench(r, Limits{Slots: rapid.IntRange(4, 16).Draw(r, "slots"), Tenant: 5, Endpoint: 3, Queue: 30})
				defer f.Close()
				for range 8 {
					f.kinds = append(f.kinds, Job{
						Class:    rapid.SampledFrom(kinds.classes).Draw(r, "class"),
						Lane:     rapid.SampledFrom(kinds.lanes).Draw(r, "lane"),
						Priority: rapid.SampledFrom([]event.Priority{event.High, "", event.Low}).Draw(r, "priority"),
					})
				}
				f.requireService(500) // 4 tenants, of which one has a seventh of the weights; a 17th of the class
			})
		})
	}
}

// flood keeps at least 25 jobs of each tenant waiting.
type flood struct {
	*bench
	r     *rapid.T
	slow  byte // so many tenants are
	kinds []Job
	n     int
}

func (f *flood) fill() {
	for tenant := range byte(4) {
		for range 10 {
			if t := f.tenants[event.ID{tenant}]; t != nil && t.queues[first].len()+t.queues[retry].len()+t.queues[replay].len() >= 25 {
				break
			}
			k := f.kinds[f.n%len(f.kinds)]
			f.put(tenant, byte(f.n%2), func(j *Job) {
				j.Class, j.Lane, j.Priority, j.Weight = k.Class, k.Lane, k.Priority, 1+int(tenant)%3
			})
			f.n++
		}
	}
}

// requireService ends attempts, and holds that no queue waits for more than bound
// of them.
func (f *flood) requireService(bound int) {
	starts, passed := map[*queue]int{}, map[*queue]int{}
	for n := range 2 * bound {
		f.fill()
		j := f.running[0] // the oldest each other time, so that each attempt ends
		if n%2 == 0 {
			j = f.running[f.n%len(f.running)]
		}
		took := time.Millisecond
		if j.Tenant[0] < f.slow {
			took = time.Second
		}
		f.n++
		f.end(Report{Result: Success, Took: took}, func(other *testJob) bool { return other == j })
		for _, t := range f.tenants {
			for c := range t.queues {
				q := &t.queues[c]
				if passed[q]++; q.len() == 0 || q.starts != starts[q] {
					passed[q], starts[q] = 0, q.starts
				}
				if passed[q] >= bound {
					f.r.Fatalf("jobs of tenant %x and class %d wait for ever", t.id[0], c)
				}
			}
		}
	}
}
