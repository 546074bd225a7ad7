package retry

import (
	"container/heap"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

func TestLeaves(t *testing.T) {
	t.Parallel()
	stored := time.Unix(1000, 0)
	tier := &tier{Tier: event.Tier{Name: "5s", Delay: 5 * time.Second}}
	for name, tt := range map[string]struct{ due, want time.Time }{
		"due long after":   {stored.Add(time.Hour), stored.Add(5 * time.Second)},
		"due just then":    {stored.Add(5 * time.Second), stored.Add(5 * time.Second)},
		"due before":       {stored.Add(3 * time.Second), stored.Add(3 * time.Second)},
		"due when stored":  {stored.Add(-time.Minute), stored.Add(-time.Minute)},
		"without due time": {time.Time{}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tier.leaves(&bus.Msg{Stored: stored}, &event.Delivery{Due: tt.due}))
		})
	}
}

// TestQueueReleasesInTime drives the queue with a clock of its own: nothing
// leaves before its time, nothing stays after it, and nothing goes to deliver
// before it is due.
func TestQueueReleasesInTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_700_000_000, 0)
		var q queue
		n := rapid.IntRange(1, 40).Draw(t, "messages")
		for range n {
			until := start.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "leaves its tier")) * time.Millisecond)
			due := until.Add(time.Duration(rapid.IntRange(-100, 4000).Draw(t, "due after")) * time.Millisecond)
			heap.Push(&q, &waiting{until: until, delivery: &event.Delivery{Due: due}})
		}
		released := 0
		for now := start; len(q) > 0; now = now.Add(time.Duration(rapid.IntRange(1, 500).Draw(t, "passes")) * time.Millisecond) {
			for {
				group := q.due(now)
				for _, w := range group {
					released++
					require.False(t, w.until.After(now), "left early")
					rest := w.delivery.Due.Sub(now)
					require.True(t, rest <= 0 || rest >= time.Second, "sent on with %s to wait, which no tier can", rest)
				}
				if len(group) == 0 {
					break
				}
			}
			if len(q) > 0 {
				require.True(t, q[0].until.After(now), "stays too long")
			}
		}
		require.Equal(t, n, released)
	})
}

func TestNextGoesToLaneOrTier(t *testing.T) {
	t.Parallel()
	due := time.Now().Add(137 * time.Second)
	d := &event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 2, Due: due}
	early := &waiting{msg: &bus.Msg{Stored: time.Unix(0, 7), Data: []byte("same bytes")}, delivery: d, until: due.Add(-137 * time.Second)}
	m, err := early.next()
	require.NoError(t, err)
	require.Equal(t, "retry.2m", m.Subject)
	require.Equal(t, d.Key()+"@7", m.ID)
	require.Equal(t, "same bytes", string(m.Data))

	late := &waiting{msg: early.msg, delivery: d, until: due}
	m, err = late.next()
	require.NoError(t, err)
	require.Equal(t, d.Subject(), m.Subject)
	require.Equal(t, d.Key(), m.ID)

	again := *d
	again.Round = 3
	late.delivery = &again
	m, err = late.next()
	require.NoError(t, err)
	require.Equal(t, d.Key(), m.ID, "a copy in the wheel is one on its lane")
}
