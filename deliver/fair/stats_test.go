package fair

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

func TestStats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, after(10*time.Second))
		opened(t, b)
		j := b.put('a', 2)
		b.end(throttled(time.Minute), func(other *testJob) bool { return other == j })
		for range 6 {
			b.put('b', 1)
			b.put('b', 2, of(retry), func(j *Job) { j.Lane = OfTenant })
		}
		b.put('c', 3, func(j *Job) { j.Rate = 1 })
		want := Stats{
			Running: map[event.Class]int{event.First: 5, event.Retry: 3, event.Replay: 0},
			Waiting: map[event.Class]int{event.First: 2, event.Retry: 3, event.Replay: 0},
			Lagging: 3, Resting: 1, Broken: 1, Limited: 1,
		}
		require.Equal(t, want, b.Stats())
		time.Sleep(time.Minute)
		want.Resting, want.Limited = 0, 0
		require.Equal(t, want, b.Stats())
	})
}
