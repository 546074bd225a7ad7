package sender

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// schedule says when each event is to be sent.
type schedule interface {
	// at is the time of the nth event, from 0, after the start of the run. It is
	// not ok when there is no such event.
	at(n int64) (after time.Duration, ok bool)
}

// steady is events at equal distances.
type steady struct {
	rate   float64 // per second
	events int64
}

func newSteady(rate float64, span time.Duration) steady {
	return steady{rate: rate, events: max(1, int64(rate*span.Seconds()))}
}

func (s steady) at(n int64) (time.Duration, bool) {
	return time.Duration(float64(n) / s.rate * float64(time.Second)), n < s.events
}

// ceaseless is every event at once, for as long as the run goes on.
type ceaseless struct{}

func (ceaseless) at(int64) (time.Duration, bool) { return 0, true }

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
				after, ok := s.at(n)
				if !ok || !sleepUntil(ctx, start.Add(after)) {
					return
				}
				begun.Add(1)
				send(n, start.Add(after))
			}
		})
	}
	wg.Wait()
	return begun.Load()
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
