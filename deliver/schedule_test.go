package deliver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseSchedule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Schedule{
		"":               nil,
		"none":           nil,
		"5s":             {5 * time.Second},
		" 5s , 1m30s,2h": {5 * time.Second, 90 * time.Second, 2 * time.Hour},
		"168h":           {7 * 24 * time.Hour},
	} {
		got, err := ParseSchedule(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, why := range map[string]string{
		"5":         `delay "5" is not a duration`,
		"5s,,1m":    `delay "" is not a duration`,
		"5s;1m":     `delay "5s;1m" is not a duration`,
		"0s":        "not above 0",
		"-1m":       "not above 0",
		"100h,100h": "more than a week",
	} {
		_, err := ParseSchedule(text)
		require.ErrorContains(t, err, why, text)
	}
	_, err := ParseSchedule(defaultSchedule)
	require.NoError(t, err)
}

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	s := Schedule{10 * time.Second, time.Minute}
	tests := map[string]struct {
		attempt int
		outcome Outcome
		wish    time.Duration
		random  float64
		want    time.Duration
		again   bool
	}{
		"first failure":               {1, Rejected, 0, 0.5, 10 * time.Second, true},
		"earliest":                    {1, Timeout, 0, 0, 8 * time.Second, true},
		"latest":                      {1, Connection, 0, 0.999999, 12 * time.Second, true},
		"second failure":              {2, Throttled, 0, 0.5, time.Minute, true},
		"exhausted":                   {3, Rejected, 0, 0.5, 0, false},
		"long after":                  {99, Rejected, 0, 0.5, 0, false},
		"longer on request":           {1, Throttled, time.Hour, 0.5, time.Hour, true},
		"not shorter on request":      {2, Throttled, time.Second, 0.5, time.Minute, true},
		"not longer than a day":       {1, Throttled, 90 * time.Hour, 0.5, 24 * time.Hour, true},
		"no more attempts on request": {3, Throttled, time.Hour, 0.5, 0, false},
		"delivered":                   {1, Success, 0, 0.5, 0, false},
		"gone":                        {1, Gone, 0, 0.5, 0, false},
		"blocked":                     {1, Blocked, 0, 0.5, 0, false},
		"disabled":                    {1, Disabled, 0, 0.5, 0, false},
		"expired":                     {1, Expired, 0, 0.5, 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, again := s.Next(tt.attempt, tt.outcome, tt.wish, tt.random)
			require.Equal(t, tt.again, again)
			require.InDelta(t, tt.want.Seconds(), got.Seconds(), 0.001)
		})
	}
}

func TestScheduleNextStaysInBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delay := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(longestSchedule)).Draw(t, "delay"))
		got, again := Schedule{delay}.Next(1, Rejected, 0, rapid.Float64Range(0, 0.999).Draw(t, "random"))
		require.True(t, again)
		require.InEpsilon(t, float64(delay), float64(got), jitter+1e-5)
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		"120.1":                         121 * time.Second,
		"0":                             0,
		"-5":                            0,
		"NaN":                           0,
		"1e300":                         24 * time.Hour,
		"invalid":                       0,
		"Fri, 20 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Fri, 20 Nov 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}, now), text)
	}
}
