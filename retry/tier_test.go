package retry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	fiveSeconds, day := event.Tiers()[1], event.Tiers()[7]
	for name, tt := range map[string]struct {
		tier  event.Tier
		given []time.Time
		drain int
		want  int
		at    time.Time
		left  int
	}{
		"nothing known":                  {fiveSeconds, nil, 0, peek, now, 0},
		"all left so far":                {fiveSeconds, nil, 8, 8, now, 0},
		"head given back":                {fiveSeconds, []time.Time{in(300 * time.Millisecond), in(900 * time.Millisecond)}, 0, 1, in(350 * time.Millisecond), 1},
		"several return together":        {fiveSeconds, []time.Time{in(340 * time.Millisecond), in(300 * time.Millisecond), in(800 * time.Millisecond)}, 0, 2, in(350 * time.Millisecond), 1},
		"already back":                   {fiveSeconds, []time.Time{in(-time.Second)}, 0, 1, in(-time.Second + slack), 0},
		"another's head may return":      {fiveSeconds, []time.Time{in(4 * time.Second)}, 0, 1, in(time.Second), 1},
		"seldom in a long tier":          {day, []time.Time{in(23 * time.Hour)}, 0, 1, in(24 * time.Hour / glances), 1},
		"all that came was about to go":  {day, []time.Time{in(23 * time.Hour)}, 1, 1, now, 1},
		"and more and more of what came": {day, []time.Time{in(23 * time.Hour)}, batch, batch, now, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tier := &tier{Tier: tt.tier, given: tt.given, drain: tt.drain}
			want, at := tier.plan(now)
			require.Equal(t, tt.want, want)
			require.Equal(t, tt.at, at)
			require.Len(t, tier.given, tt.left)
		})
	}
}
