package fair

import (
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

// bench is a scheduler with what it has started and given back.
type bench struct {
	*Scheduler
	changes []BreakerChange
	running []*testJob
	back    []*testJob
	onStart func(*testJob)
	onBack  func(*testJob)
}

func newBench(t interface{ Cleanup(func()) }, l Limits) *bench {
	b := &bench{onStart: func(*testJob) {}, onBack: func(*testJob) {}}
	b.Scheduler = New(l, func(c BreakerChange) { b.changes = append(b.changes, c) })
	t.Cleanup(b.Close)
	return b
}

// testJob is a job that a test looks after.
type testJob struct {
	Job
	bench   *bench
	told    int     // how often its owner was told something
	verdict Verdict // with which it was given back
}

func (j *testJob) Start() {
	j.bench.onStart(j)
	j.told++
	j.bench.running = append(j.bench.running, j)
}

func (j *testJob) Back(v Verdict) {
	j.bench.onBack(j)
	j.told++
	j.verdict = v
	j.bench.back = append(j.bench.back, j)
}

// job is a first attempt from a shared lane, unless set changes that.
func (b *bench) job(tenant, endpoint byte, set ...func(*Job)) *testJob {
	j := &testJob{bench: b}
	j.Job = Job{Target: target(tenant, endpoint), Class: event.First, Owner: j}
	for _, f := range set {
		f(&j.Job)
	}
	return j
}

func target(tenant, endpoint byte) Target {
	return Target{Tenant: event.ID{tenant}, Endpoint: event.ID{tenant, endpoint}}
}

func of(c class) func(*Job) {
	return func(j *Job) { j.Class = [...]event.Class{event.First, event.Retry, event.Replay}[c] }
}

func (b *bench) put(tenant, endpoint byte, set ...func(*Job)) *testJob {
	j := b.job(tenant, endpoint, set...)
	b.Put(&j.Job)
	return j
}

// end ends an attempt, the first one of those that match.
func (b *bench) end(r Report, match func(*testJob) bool) {
	i := slices.IndexFunc(b.running, match)
	j := b.running[i]
	b.running = slices.Delete(b.running, i, i+1)
	b.Done(&j.Job, r)
}

// pass lets time pass, and what the scheduler does by itself be done.
func (b *bench) pass(d time.Duration) {
	b.mu.Lock()   // what was read so far was read before
	b.mu.Unlock() //nolint:staticcheck // that is all
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) count(match func(*testJob) bool) int {
	n := 0
	for _, j := range b.running {
		if match(j) {
			n++
		}
	}
	return n
}

func whichever(*testJob) bool { return true }

func ofClass(c class) func(*testJob) bool { return func(j *testJob) bool { return j.class == c } }

func ofTenant(t byte) func(*testJob) bool { return func(j *testJob) bool { return j.Tenant[0] == t } }

var quick = Report{Result: Success, Took: time.Millisecond}

func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t, Limits{Slots: 1, Tenant: 10, Endpoint: 10, Queue: 100})
	for range 5 {
		b.put('a', 1)
	}
	for _, tenant := range []byte("bbc") {
		b.put(tenant, 1)
	}
	order := ""
	for len(b.running) > 0 {
		order += string(b.running[0].Tenant[:1])
		b.end(quick, whichever)
	}
	require.Equal(t, "aabcabaa", order, "one of each in turn, whoever has how many")
}

// TestShares has the classes come one after the other, the least urgent first,
// each with more than there is room for.
func TestShares(t *testing.T) {
	t.Parallel()
	b := newBench(t, Limits{Slots: 16, Tenant: 100, Endpoint: 100, Queue: 100})
	counts := func() [classes]int {
		return [classes]int{b.count(ofClass(first)), b.count(ofClass(retry)), b.count(ofClass(replay))}
	}
	flood := func(c class) {
		for tenant := range byte(200) {
			b.put(tenant, byte(c), of(c))
		}
	}
	end := func(c class) { b.end(quick, ofClass(c)) }
	flood(replay)
	require.Equal(t, [classes]int{0, 0, 8}, counts(), "half while nothing else waits")
	flood(retry)
	require.Equal(t, [classes]int{0, 4, 8}, counts(), "retries find a quarter free at once")
	flood(first)
	require.Equal(t, [classes]int{4, 4, 8}, counts(), "and first attempts the last one")
	for range 6 {
		end(replay)
	}
	require.Equal(t, [classes]int{10, 4, 2}, counts(), "what replays leave goes to first attempts, while retries have their quarter")
	end(replay)
	require.Equal(t, [classes]int{11, 4, 1}, counts(), "no first attempt waits for a replay")
	end(retry)
	require.Equal(t, [classes]int{12, 3, 1}, counts(), "nor for a retry")
	for range 500 {
		end(first)
		c := counts()
		require.GreaterOrEqual(t, c[retry], 3)
		require.LessOrEqual(t, c[retry], 12)
		require.LessOrEqual(t, c[replay], 8)
		if len(b.tenants) == 0 || b.count(ofClass(first)) == 0 {
			break
		}
	}
	for b.count(ofClass(retry)) > 0 {
		end(retry)
	}
	require.Equal(t, [classes]int{0, 0, 8}, counts(), "replays have their turn in the end")
}

// TestSharesOfATenant: its replays leave room for its first attempts, also at one
// and the same endpoint.
func TestSharesOfATenant(t *testing.T) {
	t.Parallel()
	b := newBench(t, Limits{Slots: 100, Tenant: 16, Endpoint: 8, Queue: 100})
	for range 8 { // endpoints that are known to take eight at once
		for _, e := range []struct{ tenant, endpoint byte }{{'a', 0}, {'a', 1}, {'a', 2}, {'b', 1}} {
			b.put(e.tenant, e.endpoint)
			b.end(quick, whichever)
		}
	}
	for n := range byte(30) {
		b.put('a', n%3, of(replay))
	}
	require.Equal(t, usage{0, 0, 8}, b.Scheduler.running, "half of the tenant's")
	for range 30 {
		b.put('b', 1, of(replay))
	}
	require.Equal(t, usage{0, 0, 12}, b.Scheduler.running, "half of the endpoint's")
	for range 30 {
		b.put('b', 1, of(retry))
	}
	require.Equal(t, usage{0, 2, 12}, b.Scheduler.running, "three quarters of the endpoint's")
	for range 30 {
		b.put('b', 1)
	}
	require.Equal(t, usage{2, 2, 12}, b.Scheduler.running)
}

func TestFullQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Limits{Slots: 1, Tenant: 1, Endpoint: 1, Queue: 1})
		b.put('a', 1)
		b.put('a', 1)
		v := b.Put(&b.job('a', 1).Job)
		require.Equal(t, TenantFull, v.Answer)
		require.Equal(t, Queued, b.Put(&b.job('b', 1).Job).Answer, "another's is not")
		require.Equal(t, Queued, b.Put(&b.job('a', 1, of(retry)).Job).Answer, "nor that of another class")
		require.Equal(t, Queued, b.Put(&b.job('a', 1, func(j *Job) { j.Lane = OfTenant }).Job).Answer, "own lanes do not count")
		select {
		case <-v.Room:
			t.Fatal("there is no room yet")
		default:
		}
		b.end(quick, whichever)
		<-v.Room
		b.Close()
		require.Len(t, b.back, 3, "what waits is given back")
		require.Equal(t, Closed, b.Put(&b.job('c', 1).Job).Answer)
		b.end(quick, whichever)
		require.Empty(t, b.tenants)
	})
}

// numbered is the id with that number.
func numbered(n int) (id event.ID) {
	binary.BigEndian.PutUint32(id[4:], uint32(n)+1)
	return id
}
