package dlq

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
)

// TestStreamGauges: shards are one stream, as full as the fullest of them.
func TestStreamGauges(t *testing.T) {
	t.Parallel()
	g := newStreamGauges(prometheus.NewPedanticRegistry())
	g.show(map[string]bus.StreamState{
		"RETRY":      {},
		"RETRY_0":    {Messages: 3, Bytes: 300, MaxBytes: 1000},
		"RETRY_1":    {Messages: 9, Bytes: 900, MaxBytes: 1000},
		"DLQ":        {Messages: 1, Bytes: 100, MaxBytes: 400},
		"KV_workers": {Messages: 2, Bytes: 10},
	})
	for stream, want := range map[string][]float64{"RETRY": {12, 1200, 0.9}, "DLQ": {1, 100, 0.25}} {
		require.Equal(t, want, []float64{
			testutil.ToFloat64(g.messages.WithLabelValues(stream)), testutil.ToFloat64(g.bytes.WithLabelValues(stream)),
			testutil.ToFloat64(g.used.WithLabelValues(stream)),
		}, stream)
	}
	require.Equal(t, 2, testutil.CollectAndCount(g.used))
}
