package sender

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/bench/profile"
)

// schedule says when each request is to be made, to whom, and how large its
// events are.
type schedule interface {
	// at is the nth request, from 0, when elapsed has passed since the start of the
	// run. It is not ok when there is no such request. It is asked for one after
	// the other.
	at(n int64, elapsed time.Duration) (o order, ok bool)

	// missed is how many requests there are beside those that were begun.
	missed(begun int64) int64
}

// order is a request that is to be made.
type order struct {
	n    int64
	due  time.Duration // after the start of the run
	to   int           // which of the tenants
	size int           // of each payload
}

// turns has all tenants take turns with events of one size.
type turns struct{ tenants, size int }

func (t turns) order(n int64, due time.Duration) order {
	return order{n: n, due: due, to: int(n % int64(max(t.tenants, 1))), size: t.size}
}

// steady is requests at equal distances.
type steady struct {
	turns

	rate     float64 // per second
	requests int64
}

// newSteady plans for that time, and for no more than that many requests unless
// it is 0.
func newSteady(t turns, rate float64, span time.Duration, most int64) steady {
	requests := max(1, int64(rate*span.Seconds()))
	if most > 0 {
		requests = min(requests, most)
	}
	return steady{turns: t, rate: rate, requests: requests}
}

func (s steady) at(n int64, _ time.Duration) (order, bool) {
	return s.order(n, time.Duration(float64(n)/s.rate*float64(time.Second))), n < s.requests
}

func (s steady) missed(begun int64) int64 { return max(0, s.requests-begun) }

// ceaseless is the next request at once, for a time or up to a number.
type ceaseless struct {
	turns

	span time.Duration
	most int64 // 0 is no limit
}

func (c ceaseless) at(n int64, elapsed time.Duration) (order, bool) {
	return c.order(n, elapsed), elapsed < c.span && (c.most == 0 || n < c.most)
}

func (c ceaseless) missed(begun int64) int64 { return max(0, c.most-begun) }

// profiled is the events of a profile, but for those of tenants that this run
// does not send to.
type profiled struct {
	events func() (profile.Event, bool)
	place  map[int]int // among the tenants of the run, by the number in the profile
	seen   int64
}

// newProfiled must be stopped.
func newProfiled(p profile.Profile, span time.Duration, tenants []tenant) (s *profiled, stop func()) {
	s = &profiled{place: make(map[int]int, len(tenants))}
	for i, t := range tenants {
		s.place[t.Number] = i
	}
	s.events, stop = iter.Pull(p.Events(span))
	return s, stop
}

func (p *profiled) at(n int64, _ time.Duration) (order, bool) {
	for {
		e, ok := p.events()
		if !ok {
			return order{}, false
		}
		if to, ours := p.place[e.Tenant]; ours {
			p.seen++
			return order{n: n, due: e.At, to: to, size: e.Size}, true
		}
	}
}

func (p *profiled) missed(begun int64) int64 {
	for ok := true; ok; {
		_, ok = p.at(0, 0)
	}
	return p.seen - begun
}

// follow has senders work off the schedule and returns when they are through or
// ctx has ended, with the number of requests that were begun. Each sender takes
// the next one, waits for its time and makes it. One whose time passed while all
// were busy is made late but with its time as it was meant to be: that is how the
// wait gets into the latencies.
func follow(ctx context.Context, senders int, s schedule, start time.Time, send func(o order, due time.Time)) int64 {
	var mu sync.Mutex
	var next int64
	take := func() (order, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return s.at(next-1, time.Since(start))
	}
	var begun atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for {
				o, ok := take()
				due := start.Add(o.due)
				early := time.Until(due) > 0
				if !ok || !sleepUntil(ctx, due) {
					return
				}
				begun.Add(1)
				send(o, meant(due, early))
			}
		})
	}
	wg.Wait()
	return begun.Load()
}

// slack is how late a timer of Go's runtime may be on an idle machine: it waits
// in whole milliseconds.
const slack = 2 * time.Millisecond

// meant is the time that an event's latencies count from. Where its sender had
// waited for it and a timer woke it late, that is when it woke up: the server had
// no part in it. Where it was late for any other reason, it is when it was due.
func meant(due time.Time, waited bool) time.Time {
	if now := time.Now(); waited && now.Sub(due) <= slack {
		return now
	}
	return due
}

// sleepUntil tells whether ctx let it wait.
func sleepUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
