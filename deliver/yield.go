package deliver

import (
	"context"
	"time"
)

const (
	// yieldEvery is how many deliveries are taken from an own lane between two looks
	// at how busy the machine is.
	yieldEvery = 32

	// nap is how long such a look sleeps. The longer it takes to wake up, the longer
	// everybody else has to wait for the machine too.
	nap = time.Millisecond

	// yieldFactor is how many times as long the lane rests as the nap was too long.
	// With 4 a flood leaves a busy machine about a fifth of its time.
	yieldFactor = 4

	// A lane rests no longer than that at a time, however busy the machine is.
	longestYield = 100 * time.Millisecond
)

// yielding is how a lane with much in it leaves the machine to others, when that is
// used up: what waits in an own lane has time, and what comes by the shared lanes
// has not. On a machine that is not busy it costs a thousandth of a second for each
// 32 deliveries.
type yielding struct{ taken int }

// after takes note of deliveries that were taken, and rests when it is time to.
func (y *yielding) after(ctx context.Context, n int) {
	if y.taken += n; y.taken < yieldEvery {
		return
	}
	y.taken = 0
	began := time.Now()
	if sleep(ctx, nap) {
		sleep(ctx, yieldFor(time.Since(began)))
	}
}

// yieldFor is how long to rest after a nap that took so long.
func yieldFor(slept time.Duration) time.Duration {
	return min(yieldFactor*max(slept-2*nap, 0), longestYield)
}

// sleep reports whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
