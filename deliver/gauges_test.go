package deliver

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/event"
)

func TestGauges(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(newGauges(func() fair.Stats {
		return fair.Stats{
			Running: map[event.Class]int{event.First: 1, event.Retry: 2},
			Waiting: map[event.Class]int{event.Replay: 3},
			Lagging: 4, Resting: 5, Broken: 6,
		}
	})))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue()
		}
	}
	require.Equal(t, map[string]float64{
		"postrider_attempts_in_flight first": 1, "postrider_attempts_in_flight retry": 2,
		"postrider_deliveries_in_memory replay": 3, "postrider_attempts_in_flight_lagging": 4,
		"postrider_endpoints_resting": 5, "postrider_endpoints_broken": 6,
	}, got)
}
