package sender

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/profile"
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
		begun := follow(t.Context(), 3, newSteady(turns{}, 50, 2*time.Second, 0), start, func(o order, due time.Time) {
			log.note(o.n, start, due)
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
		begun := follow(t.Context(), 1, newSteady(turns{}, 10, time.Second, 0), start, func(o order, due time.Time) {
			log.note(o.n, start, due)
			if o.n == 0 {
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
		begun := follow(ctx, 1, newSteady(turns{}, 10, time.Second, 0), time.Now(), func(order, time.Time) {
			time.Sleep(time.Second)
		})
		require.Equal(t, int64(4), begun, "what is under way is finished, nothing is begun")
	})
}

func TestCeaseless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, start := newSent(), time.Now()
		begun := follow(t.Context(), 4, ceaseless{turns{}, time.Second, 0}, start, func(o order, due time.Time) {
			log.note(o.n, start, due)
			time.Sleep(10 * time.Millisecond)
		})
		require.Equal(t, int64(400), begun)
		require.Equal(t, log.when, log.due)
	})
}

func TestUpToANumber(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(7), newSteady(turns{}, 50, time.Second, 7).requests)
	require.Equal(t, int64(50), newSteady(turns{}, 50, time.Second, 70).requests)
	synctest.Test(t, func(t *testing.T) {
		begun := follow(t.Context(), 4, ceaseless{turns{}, time.Hour, 10}, time.Now(), func(order, time.Time) {
			time.Sleep(10 * time.Millisecond)
		})
		require.Equal(t, int64(10), begun)
	})
}

func TestSteadyHasAnEvent(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(1), newSteady(turns{}, 0.1, time.Second, 0).requests)
}

// TestProfiled leaves out whom this run does not send to, and counts what it never
// came to.
func TestProfiled(t *testing.T) {
	t.Parallel()
	p := profile.Even(1, 100, 10)
	var all []profile.Event
	for e := range p.Events(time.Second) {
		if e.Tenant == 0 || e.Tenant == 3 {
			all = append(all, e)
		}
	}
	s, stop := newProfiled(p, time.Second, []tenant{{Target: Target{Number: 3}}, {Target: Target{Number: 0}}})
	defer stop()
	for n, e := range all[:len(all)-2] {
		o, ok := s.at(int64(n), 0)
		require.True(t, ok)
		require.Equal(t, order{n: int64(n), due: e.At, to: map[int]int{3: 0, 0: 1}[e.Tenant], size: e.Size}, o)
	}
	require.Equal(t, int64(3), s.missed(int64(len(all)-3)), "one that was taken and two that were not")
	_, ok := s.at(0, 0)
	require.False(t, ok)
}
