package main

import (
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
