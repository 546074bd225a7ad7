package deliver

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/event"
)

func TestGauges(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(newGauges(func() fair.Stats {
		return fair.Stats{
			Running: map[event.Class]int{event.First: 1, event.Retry: 2},
			Waiting: map[event.Class]int{event.Replay: 3},
			Lagging: 4, Resting: 5, Broken: 6, Limited: 7,
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
		"postrider_endpoints_resting": 5, "postrider_endpoints_broken": 6, "postrider_rate_limits_used_up": 7,
	}, got)
}

// TestFirstAttemptLatency: by the kind of lane, from when the delivery could begin, and
// in native buckets too.
func TestFirstAttemptLatency(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := newMetrics(reg)
	own := &lanes.Lane{OwnLane: event.OwnLane{Tenant: event.NewID(), Endpoint: event.NewID()}}
	began := time.Now()
	accepted := event.FloorID(began.Add(-time.Hour))
	for lane, d := range map[*lanes.Lane]event.Delivery{
		nil: {Event: accepted, Attempt: 1, Due: began.Add(-2 * time.Second)}, // for later
		own: {Event: accepted, Attempt: 1},
	} {
		m.observe(&job{source: newSource("", lane), delivery: &d}, &attempt{began: began, outcome: Success})
	}
	m.observe(&job{source: newSource("", nil), delivery: &event.Delivery{Event: accepted, Attempt: 2}}, &attempt{began: began, outcome: Timeout})
	families, err := reg.Gather()
	require.NoError(t, err)
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); f.GetName() == "postrider_first_attempt_latency_seconds" {
				require.NotEmpty(t, h.GetBucket())
				require.NotNil(t, h.Schema, "native")
				got[m.GetLabel()[0].GetValue()] = h.GetSampleSum()
			} else if f.GetName() == "postrider_delivery_age_seconds" {
				require.EqualValues(t, 2, h.GetSampleCount(), "what arrived")
			}
		}
	}
	require.InDeltaMapValues(t, map[string]float64{"shared": 2, "endpoint": 3600, "tenant": 0}, got, 0.01)
}
