package latency_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/latency"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPercentiles(t *testing.T) {
	t.Parallel()
	h := latency.New()
	for ms := range 1000 {
		h.Record(time.Duration(ms+1) * time.Millisecond)
	}
	s := h.Summary()
	require.Equal(t, int64(1000), s.Count)
	require.InEpsilon(t, 500, s.P50, 0.002)
	require.InEpsilon(t, 950, s.P95, 0.002)
	require.InEpsilon(t, 990, s.P99, 0.002)
	require.InEpsilon(t, 1000, s.Max, 0.002)
}

func TestBeyondTheEnds(t *testing.T) {
	t.Parallel()
	h := latency.New()
	h.Record(-time.Second)
	h.Record(1000 * time.Hour)
	s := h.Summary()
	require.Equal(t, int64(2), s.Count)
	require.Zero(t, s.P50)
	require.InEpsilon(t, float64(time.Hour.Milliseconds()), s.Max, 0.002)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	h := latency.New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				h.Record(3 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(8000), h.Summary().Count)
}

func TestString(t *testing.T) {
	t.Parallel()
	h := latency.New()
	require.Equal(t, "none", h.Summary().String())
	h.Record(1500 * time.Microsecond)
	require.Equal(t, "p50 1.5 ms, p95 1.5 ms, p99 1.5 ms, max 1.5 ms", h.Summary().String())
}
