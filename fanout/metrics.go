package fanout

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

// What a hop is counted as, beside the kinds of own lanes.
const (
	shared  = "shared"
	later   = "later"
	notSent = "not sent"
	wide    = "wide"
)

type metrics struct {
	events     prometheus.Counter
	widely     prometheus.Counter
	deliveries *prometheus.CounterVec
	notSent    prometheus.Counter
	failures   prometheus.Counter
	held       prometheus.Gauge
	duration   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		duration: service.NewBatchDuration(reg),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_events_expanded_total",
			Help: "Events that were expanded, those done again included.",
		}),
		widely: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_events_wide_total",
			Help: "Events that were put aside because they go to a great many endpoints.",
		}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_deliveries_published_total",
			Help: "Deliveries that were put on a lane: a shared one, that of their tenant or endpoint, or the wheel for later.",
		}, []string{"lane"}),
		notSent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_not_sent_total",
			Help: "Deliveries that became dead letters without an attempt, because the endpoint was disabled.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_batches_given_back_total",
			Help: "Batches that could not be expanded and are tried again.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_batches_held",
			Help: "Batches with deliveries that a stream does not take at the moment.",
		}),
	}
	for _, lane := range []string{shared, later, event.OwnLane{}.Kind(), event.OwnLane{Endpoint: event.NewID()}.Kind()} {
		m.deliveries.WithLabelValues(lane)
	}
	reg.MustRegister(m.events, m.widely, m.deliveries, m.notSent, m.failures, m.held)
	return m
}

// count counts what was published.
func (m *metrics) count(kind string, n int) {
	switch kind {
	case wide:
		m.widely.Add(float64(n))
	case notSent:
		m.notSent.Add(float64(n))
	default:
		m.deliveries.WithLabelValues(kind).Add(float64(n))
	}
}
