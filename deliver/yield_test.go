package deliver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestYield(t *testing.T) {
	t.Parallel()
	for slept, want := range map[time.Duration]time.Duration{
		nap:               0,
		2 * nap:           0, // no clock is as precise as that
		7 * nap:           20 * nap,
		time.Second:       longestYield,
		-time.Millisecond: 0,
	} {
		require.Equal(t, want, yieldFor(slept), "%s", slept)
	}
	synctest.Test(t, func(t *testing.T) {
		var y yielding
		began := time.Now()
		for range 3 * yieldEvery {
			y.after(t.Context(), 1)
		}
		require.Equal(t, 3*nap, time.Since(began), "a nap now and then, and no rest on an idle machine")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		y.after(ctx, yieldEvery)
		require.Equal(t, 3*nap, time.Since(began), "nobody is waited for who stops")
	})
}
