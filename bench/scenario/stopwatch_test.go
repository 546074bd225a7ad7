package main

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

func TestStopwatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStopwatch()
		arrive := func(id string, attempt int) { s.stop(receiver.Delivery{ID: id, Attempt: attempt, At: time.Now()}) }
		start := func(id string) { s.start(sender.Acceptance{ID: id, At: time.Now()}) }
		start("msg_1")
		time.Sleep(3 * time.Millisecond)
		arrive("msg_1", 1)
		arrive("msg_2", 1) // before its answer
		time.Sleep(time.Millisecond)
		start("msg_2")
		arrive("msg_1", 2)
		arrive("msg_1", 1) // at another endpoint
		got := s.summary()
		require.Equal(t, int64(3), got.Count, "first attempts")
		require.InDelta(t, 4, got.Max, 0.01)
		require.InDelta(t, 3, got.P50, 0.01)
		s.reset()
		arrive("msg_1", 1)
		require.Zero(t, s.summary().Count)
	})
}

func TestKinds(t *testing.T) {
	t.Parallel()
	s := newStopwatch()
	kinds := s.sort(kindOf)
	for path, took := range map[string]int{"/0": 1, "/9": 2, "/10": 3, "/99": 4, "/100": 5, "/9999": 6} {
		s.stop(receiver.Delivery{ID: "msg_" + path, Path: path, Attempt: 1, Timed: true, Took: time.Duration(took) * time.Millisecond})
		s.stop(receiver.Delivery{ID: "msg_" + path, Path: path, Attempt: 2, Timed: true, Took: time.Second})
	}
	require.Equal(t, []string{"all others", "the next ninety", "the ten busiest"}, kinds.names())
	for kind, longest := range map[string]float64{"the ten busiest": 2, "the next ninety": 4, "all others": 6} {
		got := kinds.summary(kind)
		require.Equal(t, int64(2), got.Count, "first attempts")
		require.InDelta(t, longest, got.Max, 0.01)
	}
}

// TestStopwatchHasACap times more than it keeps: what was accepted lately is still
// known.
func TestStopwatchHasACap(t *testing.T) {
	t.Parallel()
	s := newStopwatch()
	now := time.Now()
	const events = 3 * maxRunning
	for n := range events {
		s.start(sender.Acceptance{ID: strconv.Itoa(n), At: now})
		if n >= 1000 {
			s.stop(receiver.Delivery{ID: strconv.Itoa(n - 1000), Attempt: 1, At: now})
		}
	}
	require.Equal(t, int64(events-1000), s.summary().Count)
	require.LessOrEqual(t, len(s.running.accepted)+len(s.before.accepted), 2*maxRunning)
	require.Empty(t, s.running.early)
}
