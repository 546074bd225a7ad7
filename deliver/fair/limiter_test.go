package fair

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
)

// inBubble checks f, each time with a clock of its own. Rapid ends a failed check
// by a panic, which has to be brought out of the bubble.
func inBubble(t *testing.T, f func(*rapid.T)) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		var failed any
		synctest.Test(t, func(*testing.T) {
			defer func() { failed = recover() }()
			f(r)
		})
		if fmt.Sprintf("%T", failed) == "rapid.invalidData" {
			panic(failed) // on a line of its own: rapid knows failures by where they happen
		}
		if failed != nil {
			panic(failed)
		}
	})
}

// most is how many of the times, which are in order, are within one second.
func most(times []time.Time) int {
	n, from := 0, 0
	for i, at := range times {
		for at.Sub(times[from]) >= time.Second {
			from++
		}
		n = max(n, i-from+1)
	}
	return n
}

// TestLimits has endpoints of any rate with more to do than they may, asked at any
// times: no second sees more than the rate and one refill, where the rate is a whole
// number of refills, and who is asked often enough gets the whole rate.
func TestLimits(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rapid.T) {
		l := newLimits()
		defer l.close()
		rate := rapid.IntRange(1, 1000).Draw(r, "rate")
		burst, every := tokens(rate)
		pause := rapid.SampledFrom([]time.Duration{every / 7, every, 3 * every, time.Second}).Draw(r, "longest pause")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0)) // too many pauses to draw each
		id := event.ID{1}
		var taken []time.Time
		end := time.Now().Add(5 * time.Second)
		for now := time.Now(); now.Before(end); now = time.Now() {
			for {
				ok, at := l.ready(id, rate, now)
				if !ok {
					require.True(r, at.After(now) && at.Sub(now) <= every)
					break
				}
				l.take(id, rate, now)
				taken = append(taken, now)
			}
			time.Sleep(1 + time.Duration(random.Int64N(int64(pause))))
		}
		refills := (rate + burst - 1) / burst // that a second is long
		require.LessOrEqual(r, most(taken), (refills+1)*burst)
		if pause < every {
			require.GreaterOrEqual(r, len(taken), 5*rate*98/100-burst)
		}
		time.Sleep(2 * time.Second)
		l.take(event.ID{2}, rate, time.Now())
		require.Len(r, l.buckets, 1, "what is as good as new is forgotten")
	})
}

func TestLimitThatChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimits()
		defer l.close()
		id := event.ID{1}
		used := func(rate int, lasting time.Duration) (n int) {
			for end := time.Now().Add(lasting); time.Now().Before(end); time.Sleep(time.Millisecond) {
				for ok, _ := l.ready(id, rate, time.Now()); ok; ok, _ = l.ready(id, rate, time.Now()) {
					if l.take(id, rate, time.Now()); rate == 0 {
						return n
					}
					n++
				}
			}
			return n
		}
		require.Equal(t, 100, used(100, time.Second))
		require.Equal(t, 10, used(10, time.Second))
		require.InDelta(t, 500, used(500, time.Second), 50)
		require.Zero(t, used(0, time.Second), "no limit")
	})
}
