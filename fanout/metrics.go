package fanout

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	events     prometheus.Counter
	deliveries prometheus.Counter
	notSent    prometheus.Counter
	failures   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_events_expanded_total",
			Help: "Events that were expanded, those done again included.",
		}),
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_published_total",
			Help: "Deliveries that were put on a lane.",
		}),
		notSent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_not_sent_total",
			Help: "Deliveries that became dead letters without an attempt, because the endpoint was disabled.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_batches_given_back_total",
			Help: "Batches that could not be expanded and are tried again.",
		}),
	}
	reg.MustRegister(m.events, m.deliveries, m.notSent, m.failures)
	return m
}
