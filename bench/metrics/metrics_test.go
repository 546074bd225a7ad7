package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/metrics"
)

func TestSum(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `# HELP attempts_total Attempts.
attempts_total{outcome="success"} 40
attempts_total{outcome="a b"} 2
attempts_total_more 7
limit_bytes 1.5e+08
limit_bytes{x="y"} soon
`)
	}))
	defer server.Close()
	m, err := metrics.Ask(t.Context(), server.URL)
	require.NoError(t, err)
	for name, want := range map[string]float64{"attempts_total": 42, "limit_bytes": 1.5e8, "attempts_total_more": 7} {
		got, found := m.Sum(name)
		require.True(t, found)
		require.InDelta(t, want, got, 0)
	}
	_, found := m.Sum("attempts")
	require.False(t, found)

	_, err = metrics.Ask(t.Context(), server.URL+"/elsewhere")
	require.ErrorContains(t, err, "404")
	_, err = metrics.Ask(t.Context(), "http://127.0.0.1:1")
	require.ErrorContains(t, err, "ask for metrics")
}
