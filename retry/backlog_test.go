package retry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/testkit"
)

// TestDue: what is not due yet is no backlog, however much it is.
func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, test := range map[string]struct {
		messages int
		delay    time.Duration
		waited   time.Duration
		want     bus.Holding
	}{
		"a million that wait":          {1_000_000, time.Hour, 59 * time.Minute, bus.Holding{}},
		"the first is due":             {1_000_000, time.Hour, time.Hour, bus.Holding{}},
		"the clock is behind":          {10, time.Second, -time.Minute, bus.Holding{}},
		"one is late":                  {1, time.Second, 3 * time.Second, bus.Holding{Messages: 1, Oldest: now.Add(-2 * time.Second)}},
		"half came before they are":    {1000, 10 * time.Minute, 20 * time.Minute, bus.Holding{Messages: 500, Oldest: now.Add(-10 * time.Minute)}},
		"nobody has come for a day":    {1440, time.Second, 24 * time.Hour, bus.Holding{Messages: 1439, Oldest: now.Add(time.Second - 24*time.Hour)}},
		"one of many, and hardly late": {10, 24 * time.Hour, 24*time.Hour + 2*time.Second, bus.Holding{Messages: 1, Oldest: now.Add(-2 * time.Second)}},
		"the rest is less than a tier": {10, 30 * time.Second, 31 * time.Second, bus.Holding{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, due(test.messages, test.delay, now.Add(-test.waited), now))
		})
	}
}

// TestLookAtWheel: each tier counts from when its first delivery is due.
func TestLookAtWheel(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	look := func(at time.Time) wheel {
		w, err := lookAtWheel(testkit.Context(t), b, at)
		require.NoError(t, err)
		return w
	}
	now := time.Now()
	require.Zero(t, look(now))
	wait(t, b, time.Hour, time.Hour, time.Minute)
	require.Equal(t, wheel{all: 3}, look(now.Add(30*time.Second)))
	late := look(now.Add(time.Hour))
	require.Equal(t, 3, late.all)
	require.Equal(t, 1, late.due.Messages)
	require.WithinRange(t, late.due.Oldest, now.Add(30*time.Second), time.Now().Add(30*time.Second), "in the tier of 30 s")
}
