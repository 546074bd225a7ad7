package fair

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

// worker makes attempts as long as they take, until its bubble is at an end.
type worker struct {
	*Scheduler
	wg    sync.WaitGroup
	ended chan struct{}
	mu    sync.Mutex
	used  map[byte]time.Duration // slot time, by tenants
	begun map[byte]int           // attempts, by tenants
}

// task is a job that takes its time.
type task struct {
	Job
	of   *worker
	took time.Duration
}

func (j *task) Start() {
	w := j.of
	w.mu.Lock()
	w.begun[j.Tenant[0]]++
	w.mu.Unlock()
	w.wg.Go(func() {
		time.Sleep(j.took)
		w.mu.Lock()
		w.used[j.Tenant[0]] += j.took
		w.mu.Unlock()
		w.Done(&j.Job, Report{Result: Success, Took: j.took})
	})
}

func (*task) Back(Verdict) {}

// supply keeps a tenant's queue full.
func (w *worker) supply(tenant byte, endpoints int, took time.Duration, set ...func(*Job)) {
	w.wg.Go(func() {
		for n := 0; ; n++ {
			j := &task{of: w, took: took}
			j.Job = Job{Target: target(tenant, byte(1+n%endpoints)), Class: event.First, Owner: j}
			for _, f := range set {
				f(&j.Job)
			}
			for v := w.Put(&j.Job); v.Answer == TenantFull; v = w.Put(&j.Job) {
				select {
				case <-v.Room:
				case <-w.ended:
					return
				}
			}
			select {
			case <-w.ended:
				return
			default:
			}
		}
	})
}

// work runs a scheduler with what supply brings for a while.
func work(l Limits, lasting time.Duration, supply func(*worker)) *worker {
	w := &worker{
		Scheduler: New(l, func(BreakerChange) {}), ended: make(chan struct{}),
		used: map[byte]time.Duration{}, begun: map[byte]int{},
	}
	supply(w)
	time.Sleep(lasting)
	close(w.ended)
	w.Close()
	w.wg.Wait()
	return w
}

// TestWeights has a few slots and two tenants with more to do than fits, one with
// three times the weight: it gets three times the slot time, whatever their
// attempts take.
func TestWeights(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		heavy, light time.Duration // of an attempt
		class        event.Class
	}{
		"as long":     {300 * time.Millisecond, 300 * time.Millisecond, event.First},
		"heavy slow":  {2 * time.Second, 300 * time.Millisecond, event.First},
		"light slow":  {300 * time.Millisecond, 3 * time.Second, event.First},
		"quick":       {20 * time.Millisecond, 20 * time.Millisecond, event.First},
		"retries":     {time.Second, time.Second, event.Retry},
		"slow replay": {time.Second, 4 * time.Second, event.Replay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := Defaults()
				l.Slots = 16
				w := work(l, 600*max(tt.heavy, tt.light), func(w *worker) {
					set := func(weight int) func(*Job) {
						return func(j *Job) { j.Class, j.Weight = tt.class, weight }
					}
					w.supply(1, 40, tt.heavy, set(3))
					w.supply(2, 40, tt.light, set(1))
				})
				require.InEpsilon(t, 3, w.used[1].Seconds()/w.used[2].Seconds(), 0.1)
			})
		})
	}
}

// TestNewcomersOweNothing: a tenant that has nothing left is forgotten, and one
// that comes has its turn at once, but no more than that.
func TestNewcomersOweNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{Slots: 1, Tenant: 9, Endpoint: 9, Queue: 90})
		b.put('a', 1)
		b.end(Report{Result: Success, Took: time.Hour}, whichever)
		require.Empty(t, b.tenants)
		for range 20 {
			b.put('b', 1)
		}
		for range 20 {
			b.put('a', 1)
		}
		order := ""
		for range 10 {
			order += string(b.running[0].Tenant[:1])
			b.end(quick, whichever)
		}
		require.Equal(t, "bbaabbaabb", order, "both in each round")
	})
}

// TestTurnsAreNotSavedUp: who had nothing to start for many rounds gets one turn.
func TestTurnsAreNotSavedUp(t *testing.T) {
	t.Parallel()
	tenant := newTenant(event.ID{1})
	tenant.weight = 2
	q := &tenant.queues[first]
	require.True(t, q.hasTurn(50))
	require.Equal(t, 2*quantum, q.credit)
	q.credit = -5 * quantum
	require.False(t, q.hasTurn(52))
	require.True(t, q.hasTurn(53), "a debt is paid round by round")
}

// TestPriorities: high before normal before low, and yet low gets an eighth of the
// starts and normal a quarter.
func TestPriorities(t *testing.T) {
	t.Parallel()
	b := newBench(t, Limits{Slots: 1, Tenant: 9, Endpoint: 9, Queue: 300})
	with := func(p event.Priority) func(*Job) { return func(j *Job) { j.Priority = p } }
	b.put('a', 1)
	for range 50 {
		b.put('a', 1, with(event.Low))
		b.put('a', 1, with(event.Normal))
		b.put('a', 1, with(event.High))
	}
	b.end(quick, whichever)
	counts := map[event.Priority]int{}
	next := func(n int) {
		clear(counts)
		for range n {
			counts[b.running[0].Priority]++
			b.end(quick, whichever)
		}
	}
	next(80)
	require.Equal(t, map[event.Priority]int{event.High: 50, event.Normal: 20, event.Low: 10}, counts)
	next(32)
	require.Equal(t, map[event.Priority]int{event.Normal: 28, event.Low: 4}, counts)
	next(38)
	require.Equal(t, map[event.Priority]int{event.Normal: 2, event.Low: 36}, counts)
}

// TestSlowShare: what is slow, or comes by own lanes, leaves a quarter of the slots
// to others, however many tenants it is of.
func TestSlowShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{Slots: 100, Tenant: 32, Endpoint: 16, Queue: 16})
		for tenant := range byte(60) {
			for range 4 {
				b.put(tenant, 1, func(j *Job) { j.Lane = OfTenant })
			}
		}
		require.Len(t, b.running, 75)
		for range 40 {
			b.put(100, 1)
			b.put(101, 1)
		}
		require.Len(t, b.running, 83, "others start at once")
		time.Sleep(slowAfter + 1)
		b.put(101, 2)
		require.Len(t, b.running, 84)
		require.Equal(t, 83, b.lagging, "they were quick when they started")
		require.Len(t, b.back, 32, "and what waits behind them goes elsewhere")
		for range 10 {
			b.end(quick, ofTenant(100+1))
			b.put(101, 2)
		}
		b.put(100, 3)
		require.Equal(t, 1, b.count(func(j *testJob) bool { return j.Endpoint[1] == 3 }), "another endpoint of a tenant with a slow one")
	})
}

// TestLimitsAreUsedUp has limited endpoints and tenants with more to do than they
// may, next to one without limit.
func TestLimitsAreUsedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const seconds = 20
		rate := func(endpoint, tenant int) func(*Job) {
			return func(j *Job) { j.Lane, j.Rate, j.TenantRate = Shared, endpoint, tenant }
		}
		w := work(Defaults(), seconds*time.Second, func(w *worker) {
			w.supply(1, 1, 10*time.Millisecond, rate(100, 0))
			w.supply(2, 20, 10*time.Millisecond, rate(0, 50))
			w.supply(3, 1, 10*time.Millisecond, rate(3, 0))
			w.supply(4, 2, 10*time.Millisecond, rate(100, 50))
			w.supply(5, 1, 10*time.Millisecond)
		})
		for tenant, want := range map[byte]int{1: 100, 2: 50, 3: 3, 4: 50, 5: 1600} {
			require.InEpsilon(t, want*seconds, w.begun[tenant], 0.02, "tenant %d", tenant)
		}
	})
}
