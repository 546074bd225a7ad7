package main

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/sender"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		limit limit
		holds []float64
		fails []float64
	}{
		"≤ 10":  {atMost(10), []float64{9, 10}, []float64{10.01, math.NaN(), math.Inf(1)}},
		"< 100": {below(100), []float64{99.9}, []float64{100, math.NaN()}},
		"≥ 2.7": {atLeast(2.7), []float64{2.7, 3}, []float64{2.69, math.NaN()}},
		"= 0":   {exactly(0), []float64{0}, []float64{1, math.NaN()}},
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

func TestFigure(t *testing.T) {
	t.Parallel()
	for want, x := range map[string]float64{
		"0": 0, "-3": -3, "2.70": 2.7, "0.02": 0.0151, "31.4": 31.4159, "5512": 5512.3, "1000000": 1e6, "NaN": math.NaN(),
	} {
		require.Equal(t, want, figure(x))
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := &report{title: "limit: it holds", about: "Here."}
	r.note("events", "%d", 7)
	r.check("rate", 100.4, atLeast(98), atMost(102))
	require.False(t, r.broken())
	r.within = "killed"
	r.check("rate", 90, atLeast(98), atMost(102))
	require.True(t, r.broken())
	require.Equal(t, `### limit: it holds

Here.

|              | measured |       limit |          |
|--------------|---------:|------------:|---------:|
| events       |        7 |             |          |
| rate         |      100 | ≥ 98, ≤ 102 |     pass |
| killed: rate |       90 | ≥ 98, ≤ 102 | **FAIL** |
`, r.String())

	r = &report{title: "x"}
	r.fault(errors.New("nobody there"))
	require.True(t, r.broken(), "what was not measured has not passed")
	require.Equal(t, "### x\n\n**FAIL**: nobody there\n", r.String())
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	load := func(p99 float64) quietResult {
		return quietResult{Result: sender.Result{Accepted: 1, Expected: 1, Delivered: 1, Latency: latency.Summary{P99: p99}}}
	}
	lost := load(5)
	lost.Missing = 1
	tests := map[string]struct {
		alone, beside quietResult
		broken        bool
	}{
		"as before":        {load(5), load(5), false},
		"twice":            {load(5), load(10), false},
		"more":             {load(5), load(10.1), true},
		"beyond the top":   {load(90), load(100), true},
		"lost":             {load(5), lost, true},
		"nothing was sent": {quietResult{}, load(0), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &report{}
			r.quiet(test.alone, test.beside, 2, below(quietTop))
			require.Equal(t, test.broken, r.broken())
		})
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	r := &report{}
	r.complete("all", sender.Result{}, sender.Result{})
	require.False(t, r.broken())
	r.complete("all", sender.Result{}, sender.Result{Duplicates: 1})
	require.True(t, r.broken())
}
