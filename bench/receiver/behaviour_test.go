package receiver

import (
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
		"delay=2s&class=slow":     {want: behaviour{status: 500, delay: 2 * time.Second, class: "slow"}},
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
