package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/latency"
)

func TestFlat(t *testing.T) {
	t.Parallel()
	line := func(name string, values ...float64) findings.Plot {
		l := findings.Line{Name: name}
		for i, v := range values {
			l.Points = append(l.Points, findings.Point{At: float64(i), Value: v})
		}
		return findings.Plot{Title: "memory", Lines: []findings.Line{l}}
	}
	tests := map[string]struct {
		plot   findings.Plot
		broken bool
	}{
		"flat":              {line("x", 5, 90, 100, 100, 100, 100, 100, 100, 100), false},
		"a single peak":     {line("x", 100, 100, 100, 100, 100, 100, 100, 900, 100), false},
		"as much as it may": {line("x", 100, 100, 100, 100, 100, 100, 118, 118, 118), false},
		"grows":             {line("x", 100, 100, 100, 100, 100, 100, 119, 119, 119), true},
		"left out":          {line("RETRY", 1, 1, 1, 1, 1, 1, 900, 900, 900), false},
		"too short":         {line("x", 1, 1, 1), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &report{&findings.Report{}}
			r.flat(test.plot, 8, "RETRY")
			require.Equal(t, test.broken, r.Broken(), r.String())
		})
	}
	r := &report{&findings.Report{}}
	r.grown(line("events", 1, 1, 1, 2, 2, 2, 3, 3, 3))
	require.Contains(t, r.String(), "2, 3")
	require.False(t, r.Broken())
}

func TestWindows(t *testing.T) {
	t.Parallel()
	w := &windows{start: time.Now(), width: time.Second, times: latency.New()}
	for _, at := range []int{0, 900, 1100, 3500, 3600} {
		w.record(w.start.Add(time.Duration(at)*time.Millisecond), time.Duration(at)*time.Microsecond)
	}
	p50 := w.plot().Lines[0]
	require.Equal(t, "p50", p50.Name)
	require.Len(t, p50.Points, 3, "nothing is said of a window without any")
	require.InDelta(t, 3, p50.Points[2].At, 0)
	require.InDelta(t, 3.5, p50.Points[2].Value, 0.01)
}
