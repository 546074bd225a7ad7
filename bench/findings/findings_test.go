package findings

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		limit Limit
		holds []float64
		fails []float64
	}{
		"≤ 10":  {AtMost(10), []float64{9, 10}, []float64{10.01, math.NaN(), math.Inf(1)}},
		"< 100": {Below(100), []float64{99.9}, []float64{100, math.NaN()}},
		"≥ 2.7": {AtLeast(2.7), []float64{2.7, 3}, []float64{2.69, math.NaN()}},
		"= 0":   {Exactly(0), []float64{0}, []float64{1, math.NaN()}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, x := range test.holds {
				require.True(t, test.limit.holds(x), "%g", x)
			}
			for _, x := range test.fails {
				require.False(t, test.limit.holds(x), "%g", x)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for want, x := range map[string]float64{
		"0": 0, "-3": -3, "2.70": 2.7, "0.02": 0.0151, "31.4": 31.4159, "5512": 5512.3, "1000000": 1e6, "NaN": math.NaN(),
	} {
		require.Equal(t, want, Number(x))
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := &Report{Title: "limit: it holds", About: "Here."}
	r.Note("events", "%d", 7)
	r.Check("rate", 100.4, AtLeast(98), AtMost(102))
	require.False(t, r.Broken())
	r.Within = "killed"
	r.Check("rate", 90, AtLeast(98), AtMost(102))
	require.True(t, r.Broken())
	require.Equal(t, `### limit: it holds

Here.

|              | measured |       limit |          |
|--------------|---------:|------------:|---------:|
| events       |        7 |             |          |
| rate         |      100 | ≥ 98, ≤ 102 |     pass |
| killed: rate |       90 | ≥ 98, ≤ 102 | **FAIL** |
`, r.String())

	r = &Report{Title: "x"}
	r.Fault(errors.New("nobody there"))
	require.True(t, r.Broken(), "what was not measured has not passed")
	require.Equal(t, "### x\n\n**FAIL**: nobody there\n", r.String())
}
