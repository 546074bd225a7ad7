package sender

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// schedule says when each event, or batch of them, is to be sent.
type schedule interface {
	// at is the time of the nth event, from 0, after the start of the run, of
	// which elapsed has passed. It is not ok when there is no such event.
	at(n int64, elapsed time.Duration) (due time.Duration, ok bool)
}

// steady is events at equal distances.
type steady struct {
	rate   float64 // per second
	events int64
}

// newSteady plans for that time, and for no more than that many events unless
// it is 0.
func newSteady(rate float64, span time.Duration, most int64) steady {
	events := max(1, int64(rate*span.Seconds()))
	if most > 0 {
		events = min(events, most)
	}
	return steady{rate: rate, events: events}
}

func (s steady) at(n int64, _ time.Duration) (time.Duration, bool) {
	return time.Duration(float64(n) / s.rate * float64(time.Second)), n < s.events
}

// ceaseless is the next event at once, for a time or up to a number.
type ceaseless struct {
	span time.Duration
	most int64 // 0 is no limit
}

func (c ceaseless) at(n int64, elapsed time.Duration) (time.Duration, bool) {
	return elapsed, elapsed < c.span && (c.most == 0 || n < c.most)
}

// follow has senders work off the schedule and returns when they are through or
// ctx has ended, with the number of events of which sending was begun. Each
// sender takes the next event, waits for its time and sends it. An event whose
// time passed while all were busy is sent late but with its time as it was
// meant to be: that is how the wait gets into the latencies.
func follow(ctx context.Context, senders int, s schedule, start time.Time, send func(n int64, due time.Time)) int64 {
	var next, begun atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for {
				n := next.Add(1) - 1
				after, ok := s.at(n, time.Since(start))
				due := start.Add(after)
				early := time.Until(due) > 0
				if !ok || !sleepUntil(ctx, due) {
					return
				}
				begun.Add(1)
				send(n, meant(due, early))
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
