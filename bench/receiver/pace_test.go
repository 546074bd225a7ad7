package receiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPace(t *testing.T) {
	t.Parallel()
	start := time.Now()
	tests := map[string]struct {
		at      []time.Duration
		most    int64
		seconds []int64
	}{
		"once":                {[]time.Duration{0}, 1, []int64{1}},
		"a second apart":      {[]time.Duration{0, time.Second, 2 * time.Second}, 1, []int64{1, 1, 1}},
		"across two seconds":  {[]time.Duration{0, 900e6, 1000e6, 1800e6, 1899e6, 1900e6}, 4, []int64{2, 4}},
		"a gap":               {[]time.Duration{0, 10e6, 3 * time.Second}, 2, []int64{2, 0, 0, 1}},
		"noted late":          {[]time.Duration{0, 1100e6, 1050e6}, 2, []int64{1, 2}},
		"beyond what is kept": {[]time.Duration{0, maxSeconds * time.Second}, 1, []int64{1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p pace
			for _, at := range test.at {
				p.note(start.Add(at))
			}
			require.Equal(t, test.most, p.most)
			require.Equal(t, test.seconds, p.seconds)
		})
	}
}

// TestFullestSecond compares with what counting from each request finds.
func TestFullestSecond(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.IntRange(0, 700), 1, 60).Draw(t, "gaps")
		var p pace
		var all []time.Time
		at := time.Unix(0, 0)
		for _, gap := range gaps {
			at = at.Add(time.Duration(gap) * time.Millisecond)
			all = append(all, at)
			p.note(at)
		}
		var most, sum int64
		for i, from := range all {
			var n int64
			for _, to := range all[i:] {
				if to.Sub(from) < time.Second {
					n++
				}
			}
			most = max(most, n)
		}
		for _, n := range p.seconds {
			sum += n
		}
		require.Equal(t, most, p.most)
		require.Equal(t, int64(len(all)), sum)
	})
}

func TestPaceIsCapped(t *testing.T) {
	t.Parallel()
	var p pace
	now := time.Now()
	for range maxRecent + 10 {
		p.note(now)
	}
	require.Equal(t, int64(maxRecent), p.most)
	require.LessOrEqual(t, cap(p.recent), 2*maxRecent)
}
