package receiver

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseBehaviour(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want behaviour
		err  string
	}{
		"":                        {want: behaviour{status: 500}},
		"tenant=7":                {want: behaviour{status: 500}},
		"fail=2":                  {want: behaviour{failures: 2, status: 500}},
		"fail=2&hang=1":           {want: behaviour{failures: 2, status: 500, hang: true}},
		"hang=0":                  {want: behaviour{status: 500}},
		"hang":                    {want: behaviour{failures: everyAttempt, status: 500, hang: true}},
		"status=429&retry_after=": {want: behaviour{failures: everyAttempt, status: 429}},
		"fail_rate=0.1":           {want: behaviour{failRate: 0.1, status: 500}},
		"fail_rate=1&hang=1":      {want: behaviour{failRate: 1, status: 500, hang: true}},
		"fail_rate=1.5":           {err: "0 to 1"},
		"fail_events=0.5&hang=1":  {want: behaviour{failEvents: 0.5, status: 500, hang: true}},
		"fail_events=2":           {err: "parse fail_events=2: want 0 to 1"},
		"fail_rate=NaN":           {err: "0 to 1"},
		"delay=2s&class=slow":     {want: behaviour{status: 500, delay: 2 * time.Second, class: "slow"}},
		"id=number":               {want: behaviour{status: 500, numbered: true}},
		"delay=6m":                {err: "up to 5m0s"},
		"delay=-1s":               {err: "parse delay"},
		"status=700":              {err: "200 to 599"},
		"status=soon":             {err: "parse status"},
		"fail=-1":                 {err: "a number or all"},
		"a=%zz":                   {err: "parse query"},
	}
	for query, test := range tests {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			got, err := parseBehaviour(query)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestReact(t *testing.T) {
	t.Parallel()
	b := behaviour{failures: 1, status: 503, delay: time.Second}
	require.Equal(t, reaction{time.Second, 503}, b.react(1, 0))
	require.Equal(t, reaction{time.Second, 200}, b.react(2, 0))
	b.hang = true
	require.Equal(t, reaction{maxWait, noAnswer}, b.react(1, 0))

	b = behaviour{failRate: 0.1, status: 500}
	failed := 0
	for range 10_000 {
		if b.react(1, 0).status == 500 {
			failed++
		}
	}
	require.InDelta(t, 1000, failed, 300, "ten times the standard deviation")
}

// TestDoomed: of some events every attempt fails, of the others none.
func TestDoomed(t *testing.T) {
	t.Parallel()
	b := behaviour{failEvents: 0.3, status: 500}
	failed := 0
	for n := range 10_000 {
		key := Fingerprint("/doomed", strconv.Itoa(n))
		first := b.react(1, key)
		require.Equal(t, first, b.react(2, key))
		if first.status == 500 {
			failed++
		}
	}
	require.InDelta(t, 3000, failed, 500, "ten times the standard deviation")
}
