package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Schedule{
		"":               nil,
		"none":           nil,
		"5s":             {5 * time.Second},
		" 5s , 1m30s,2h": {5 * time.Second, 90 * time.Second, 2 * time.Hour},
		"168h":           {7 * 24 * time.Hour},
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, why := range map[string]string{
		"5":         `delay "5" is not a duration`,
		"5s,,1m":    `delay "" is not a duration`,
		"5s;1m":     `delay "5s;1m" is not a duration`,
		"0s":        "delay 0s is shorter than 1ms",
		"-1m":       "delay -1m0s is shorter than 1ms",
		"100h,100h": "more than a week",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, why, text)
	}
	_, err := New(make([]string, maxDelays+1))
	require.ErrorContains(t, err, "more than 50")
}

func TestDelaysRoundTrip(t *testing.T) {
	t.Parallel()
	s, err := Parse("5s,90m")
	require.NoError(t, err)
	require.Equal(t, []string{"5s", "1h30m"}, s.Delays())
	again, err := New(s.Delays())
	require.NoError(t, err)
	require.Equal(t, s, again)
}

func TestNext(t *testing.T) {
	t.Parallel()
	s := Schedule{10 * time.Second, time.Minute}
	tests := map[string]struct {
		attempt int
		wish    time.Duration
		random  float64
		want    time.Duration
		again   bool
	}{
		"first failure":               {1, 0, 0.5, 10 * time.Second, true},
		"earliest":                    {1, 0, 0, 8 * time.Second, true},
		"latest":                      {1, 0, 0.999999, 12 * time.Second, true},
		"second failure":              {2, 0, 0.5, time.Minute, true},
		"exhausted":                   {3, 0, 0.5, 0, false},
		"long after":                  {99, 0, 0.5, 0, false},
		"longer on request":           {1, time.Hour, 0.5, time.Hour, true},
		"not shorter on request":      {2, time.Second, 0.5, time.Minute, true},
		"not longer than a day":       {1, 90 * time.Hour, 0.5, 24 * time.Hour, true},
		"no more attempts on request": {3, time.Hour, 0.5, 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, again := s.Next(tt.attempt, tt.wish, tt.random)
			require.Equal(t, tt.again, again)
			require.InDelta(t, tt.want.Seconds(), got.Seconds(), 0.001)
		})
	}
}

func TestNextStaysInBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delay := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(longest)).Draw(t, "delay"))
		got, again := Schedule{delay}.Next(1, 0, rapid.Float64Range(0, 0.999).Draw(t, "random"))
		require.True(t, again)
		require.InEpsilon(t, float64(delay), float64(got), jitter+1e-5)
	})
}

// FuzzParse reads schedules that tenants write: each keeps to its bounds and
// reads the same when it is written again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"5s,5m,30m", "none", "", " 1h , 2h", "1ms", "-1s", "1e9h", "168h,1ms", "NaNs", strings.Repeat("1s,", 60)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			require.Empty(t, s)
			return
		}
		var sum time.Duration
		for _, delay := range s {
			require.Positive(t, delay)
			sum += delay
		}
		require.LessOrEqual(t, sum, 7*24*time.Hour)
		again, err := New(s.Delays())
		require.NoError(t, err)
		require.True(t, slices.Equal(s, again), "%v, %v", s, again)
	})
}
