package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	processes := []target{process("deliver"), process("retry"), process(postgres)}
	links := []target{{"retry", postgres}, {"client", "ingest"}}
	blows := plan(7, 3*time.Minute, processes, links)
	require.Equal(t, blows, plan(7, 3*time.Minute, processes, links), "the same seed does the same")
	require.NotEqual(t, blows, plan(8, 3*time.Minute, processes, links))
	require.Equal(t, blows[:5], plan(7, time.Minute, processes, links)[:5], "however long it goes on")

	kinds, victims := map[kind]int{}, map[target]int{}
	for i, b := range blows {
		kinds[b.kind]++
		victims[b.target]++
		require.Equal(t, b.kind == killed || b.kind == frozen, !b.target.isLink())
		require.GreaterOrEqual(t, b.span, shortestSpan)
		require.Less(t, b.span, longestSpan)
		if i > 0 {
			gap := b.after - blows[i-1].after
			require.True(t, gap >= shortestGap && gap < longestGap, "%s", gap)
		}
	}
	require.Len(t, kinds, 5)
	require.Len(t, victims, 5)
	require.Equal(t, firstBlow, blows[0].after)
	require.Less(t, blows[len(blows)-1].after, 3*time.Minute)
	require.Empty(t, plan(7, firstBlow, processes, links))
}
