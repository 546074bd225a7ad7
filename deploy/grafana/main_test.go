package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGenerated: the files are what the program writes, all of it and nothing else.
func TestGenerated(t *testing.T) {
	t.Parallel()
	want := make(map[string]bool)
	for _, d := range dashboards() {
		want[d.file()] = true
		text, err := encode(d)
		require.NoError(t, err)
		have, err := os.ReadFile(d.file())
		require.NoError(t, err)
		require.Equal(t, string(text), string(have), "%s is another: go run ./deploy/grafana deploy/grafana", d.file())
	}
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.Len(t, files, len(want))
}

// TestLayout: panels have ids of their own and lie beside each other.
func TestLayout(t *testing.T) {
	t.Parallel()
	for _, d := range dashboards() {
		taken, ids := make(map[[2]int]string), make(map[int]bool)
		for _, p := range d.Panels {
			require.False(t, ids[p.ID], "%s: %s", d.UID, p.Title)
			ids[p.ID] = true
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, columns, "%s: %s", d.UID, p.Title)
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					require.Empty(t, taken[at], "%s: %s lies on another", d.UID, p.Title)
					taken[at] = p.Title
				}
			}
		}
	}
}
