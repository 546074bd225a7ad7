package sender

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sent is a log of what was sent when.
type sent struct {
	mu   sync.Mutex
	due  map[int64]time.Duration
	when map[int64]time.Duration
}

func newSent() *sent {
	return &sent{due: map[int64]time.Duration{}, when: map[int64]time.Duration{}}
}

func (s *sent) note(n int64, start, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due[n] = due.Sub(start)
	s.when[n] = time.Since(start)
}

func TestSteadyOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, start := newSent(), time.Now()
		begun := follow(t.Context(), 3, newSteady(50, 2*time.Second, 0), start, func(n int64, due time.Time) {
			log.note(n, start, due)
			time.Sleep(10 * time.Millisecond)
		})
		require.Equal(t, int64(100), begun)
		require.Equal(t, 1980*time.Millisecond+10*time.Millisecond, time.Since(start))
		for n := range int64(100) {
			require.Equal(t, time.Duration(n)*20*time.Millisecond, log.due[n])
			require.Equal(t, log.due[n], log.when[n])
		}
	})
}

// TestSteadyBehind is what coordinated omission hides: a server that stalls. The
// events are late, but each knows when it was due.
func TestSteadyBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, start := newSent(), time.Now()
		begun := follow(t.Context(), 1, newSteady(10, time.Second, 0), start, func(n int64, due time.Time) {
			log.note(n, start, due)
			if n == 0 {
				time.Sleep(time.Second)
			}
		})
		require.Equal(t, int64(10), begun)
		for n := range int64(10) {
			require.Equal(t, time.Duration(n)*100*time.Millisecond, log.due[n])
			if n > 0 {
				require.Equal(t, time.Second, log.when[n])
			}
		}
	})
}

func TestSteadyGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		begun := follow(ctx, 1, newSteady(10, time.Second, 0), time.Now(), func(int64, time.Time) {
			time.Sleep(time.Second)
		})
		require.Equal(t, int64(4), begun, "what is under way is finished, nothing is begun")
	})
}

func TestCeaseless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, start := newSent(), time.Now()
		begun := follow(t.Context(), 4, ceaseless{time.Second, 0}, start, func(n int64, due time.Time) {
			log.note(n, start, due)
			time.Sleep(10 * time.Millisecond)
		})
		require.Equal(t, int64(400), begun)
		require.Equal(t, log.when, log.due)
	})
}

func TestUpToANumber(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(7), newSteady(50, time.Second, 7).events)
	require.Equal(t, int64(50), newSteady(50, time.Second, 70).events)
	synctest.Test(t, func(t *testing.T) {
		begun := follow(t.Context(), 4, ceaseless{time.Hour, 10}, time.Now(), func(int64, time.Time) {
			time.Sleep(10 * time.Millisecond)
		})
		require.Equal(t, int64(10), begun)
	})
}

func TestSteadyHasAnEvent(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(1), newSteady(0.1, time.Second, 0).events)
}
