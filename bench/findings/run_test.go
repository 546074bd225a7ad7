package findings

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKept(t *testing.T) {
	t.Parallel()
	r := &Report{Title: "normal", About: "Here.", Plots: []Plot{{"CPU", []Line{{"ingest", []Point{{0, 1}, {1, 2}}}}}}}
	r.Note("events", "%d", 7)
	r.Figure("rate", 500)
	r.Check("p99, ms", math.NaN(), Below(150))
	r.Fault(errors.New("lost"))
	run := Run{"scenario", time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC), []*Report{r}}
	file := filepath.Join(t.TempDir(), "run.json")
	require.NoError(t, run.Save(file))
	kept, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, run, kept)
	require.Equal(t, r.String(), kept.Reports[0].String())
	require.True(t, kept.Reports[0].Broken())

	require.ErrorContains(t, run.Save("/dev/null/x"), "write run")
	_, err = Load(file + ".not")
	require.ErrorContains(t, err, "read run")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = Load(file)
	require.ErrorContains(t, err, "run.json")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	run := func(p99, lost float64, more string) Run {
		r := &Report{Title: "normal", About: "Here."}
		r.Check("p99, ms", p99, Below(150))
		r.Figure("lost", lost)
		r.Figure(more, 1)
		r.Note("note", "no number")
		return Run{Reports: []*Report{r, {Title: more}}}
	}
	pairs := Compare(run(100, 0, "only before"), run(150, 0, "only after"))
	require.Len(t, pairs, 1)
	require.InDelta(t, 1.5, pairs[0].Ratios[0].Times(), 1e-9)
	require.Equal(t, `### normal

Here.

Here.

|         | before | after | ratio |
|---------|-------:|------:|------:|
| p99, ms |    100 |   150 |  1.50 |
| lost    |      0 |     0 |     – |
`, pairs[0].String())
}
