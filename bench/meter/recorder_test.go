package meter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/procs"
)

// TestRecorderHasACap notes a day of seconds: it is there from end to end, with
// no more points than a plot can show.
func TestRecorderHasACap(t *testing.T) {
	t.Parallel()
	r := newRecorder(time.Now(), nil)
	const day = 24 * 3600
	for second := range day {
		r.noteAt(float64(second)+float64(second%2)*0.1, CoresPlot, "ingest", float64(second))
	}
	points := r.plots()[0].Lines[0].Points
	require.LessOrEqual(t, len(points), MaxPoints)
	require.GreaterOrEqual(t, len(points), MaxPoints/4)
	require.Zero(t, points[0].At)
	require.Greater(t, points[len(points)-1].At, 0.99*day)
}

func TestUsages(t *testing.T) {
	t.Parallel()
	began := time.Now().Add(-2 * time.Second)
	r := newRecorder(began, map[string]procs.Usage{"deliver": {CPU: time.Second}})
	r.usages(map[string]procs.Usage{"deliver": {CPU: 2 * time.Second, RSS: 3 << 20, Peak: 5 << 20}})
	plots := r.plots()
	require.Equal(t, []string{CoresPlot, MemoryPlot}, []string{plots[0].Title, plots[1].Title})
	require.InDelta(t, 0.5, plots[0].Lines[0].Points[0].Value, 0.1)
	require.InDelta(t, 3, plots[1].Lines[0].Points[0].Value, 0)
	require.Equal(t, int64(5<<20), r.peak["deliver"])
}

// TestEmptyTables: one that stays empty is not shown, one that fills has its whole past.
func TestEmptyTables(t *testing.T) {
	t.Parallel()
	r := newRecorder(time.Now(), nil)
	for n := range 3 {
		r.noteAt(float64(n), RowsPlot, "tasks", float64(n))
		r.noteAt(float64(n), RowsPlot, "revocations", 0)
	}
	lines := r.plots()[0].Lines
	require.Len(t, lines, 1)
	require.Len(t, lines[0].Points, 3)
}
