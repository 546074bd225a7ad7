package retry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/service"
)

type metrics struct {
	released prometheus.Counter
	moved    prometheus.Counter
	naks     prometheus.Counter
	held     prometheus.Gauge
	waiting  prometheus.Gauge
	late     prometheus.Histogram
	groups   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		groups: service.NewBatchDuration(reg),
		released: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_retries_released_total",
			Help: "Deliveries that were due and handed to deliver.",
		}),
		moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_retries_moved_total",
			Help: "Deliveries that went on to another tier of the wheel.",
		}),
		naks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_retry_naks_total",
			Help: "Messages at the head of a tier that were given back with a delay.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_retries_held",
			Help: "Deliveries in memory for the last moments of their wait.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_retries_waiting",
			Help: "Deliveries on RETRY, due or not, as last seen. All processes say the same.",
		}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "postrider_retry_lateness_seconds",
			Help:    "Time from when a delivery was due to when it was handed to deliver.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	reg.MustRegister(m.released, m.moved, m.naks, m.held, m.waiting, m.late)
	return m
}

func (m *metrics) count(w *waiting) {
	if !w.due() {
		m.moved.Inc()
		return
	}
	m.released.Inc()
	m.late.Observe(max(time.Since(w.delivery.Due), 0).Seconds())
}
