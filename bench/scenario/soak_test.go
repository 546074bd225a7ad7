package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/meter"
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
		"too short":         {line("x", 1, 1, 1), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &report{&findings.Report{}}
			r.flat(test.plot, 8)
			require.Equal(t, test.broken, r.Broken(), r.String())
		})
	}
}

// TestSteady: what keeps events grows with them, what waits for ill endpoints too, and
// nothing else may.
func TestSteady(t *testing.T) {
	t.Parallel()
	grows := func(title string, names ...string) findings.Plot {
		p := findings.Plot{Title: title}
		for _, name := range names {
			l := findings.Line{Name: name}
			for n := range 9 {
				l.Points = append(l.Points, findings.Point{At: float64(n), Value: float64(n * n * 1000)})
			}
			p.Lines = append(p.Lines, l)
		}
		return p
	}
	for _, test := range []struct {
		plot   findings.Plot
		broken bool
	}{
		{grows(meter.RowsPlot, kept()...), false},
		{grows(meter.RowsPlot, "tasks"), true},
		{grows(meter.StreamsPlot, "RETRY", "OVERFLOW"), false},
		{grows(meter.StreamsPlot, "DELIVER"), true},
		{grows(meter.FilesPlot, "deliver"), true},
		{grows(meter.GoroutinesPlot, "deliver"), true},
		{grows(meter.ConnectionsPlot, "consumers of streams"), true},
		{grows(meter.MemoryPlot, "deliver"), true},
		{grows(meter.CoresPlot, "deliver"), false},
	} {
		r := &report{&findings.Report{}}
		r.steady([]findings.Plot{test.plot})
		require.Equal(t, test.broken, r.Broken(), test.plot.Title)
	}
}

// TestSteadyOfWhatWaits: the memory of nats-server may grow with what waits, and no more.
func TestSteadyOfWhatWaits(t *testing.T) {
	t.Parallel()
	line := func(name string, before, after float64) findings.Line {
		l := findings.Line{Name: name}
		for n := range 9 {
			l.Points = append(l.Points, findings.Point{At: float64(n), Value: before})
			if n >= 6 {
				l.Points[n].Value = after
			}
		}
		return l
	}
	waits := findings.Plot{Title: meter.StreamsPlot, Lines: []findings.Line{line("OVERFLOW", 20_000, 40_000), line("DELIVER", 5, 5)}}
	for after, broken := range map[float64]bool{440: false, 490: false, 510: true} {
		r := &report{&findings.Report{}}
		r.steady([]findings.Plot{{Title: meter.MemoryPlot, Lines: []findings.Line{line("nats-server", 400, after), line("deliver", 100, 110)}}, waits})
		require.Equal(t, broken, r.Broken(), r.String())
	}
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
