package deliver

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/event"
)

type metrics struct {
	attempts   *prometheus.CounterVec
	durations  prometheus.Histogram
	firstDelay prometheus.Histogram
	records    prometheus.Histogram
	returned   prometheus.Counter
	moved      prometheus.Counter
	notSent    prometheus.Counter
	own        *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_delivery_attempts_total",
			Help: "Attempts to deliver, by how they ended.",
		}, []string{"outcome"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "postrider_delivery_attempt_duration_seconds",
			Help:    "Time from the start of an attempt to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}),
		firstDelay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "postrider_first_attempt_latency_seconds",
			Help:    "Time from the acceptance of an event to the start of its first attempt.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
		records: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "postrider_attempts_recorded_together",
			Help:    "Attempts recorded in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		returned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_given_back_total",
			Help: "Deliveries that could not be handled and come again.",
		}),
		moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_moved_total",
			Help: "Deliveries that were moved to the lane of their tenant or endpoint.",
		}),
		notSent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_not_sent_total",
			Help: "Deliveries that became dead letters without an attempt, because the endpoint was disabled.",
		}),
		own: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "postrider_own_lane_messages",
			Help: "Deliveries in the lanes of single tenants and endpoints, as last seen. All processes say the same.",
		}, []string{"lane"}),
	}
	reg.MustRegister(m.attempts, m.durations, m.firstDelay, m.records, m.returned, m.moved, m.notSent, m.own)
	for _, o := range Outcomes() {
		m.attempts.WithLabelValues(string(o))
	}
	return m
}

func (m *metrics) observe(d *event.Delivery, a *attempt) {
	m.attempts.WithLabelValues(string(a.outcome)).Inc()
	m.durations.Observe(a.duration.Seconds())
	if d.Class() == event.First {
		m.firstDelay.Observe(max(a.began.Sub(d.Event.Time()), time.Duration(0)).Seconds())
	}
}

// ownLanes shows how much waits in lanes of single tenants and endpoints.
func (m *metrics) ownLanes(ofTenants, ofEndpoints int) {
	m.own.WithLabelValues(event.OwnLane{}.Kind()).Set(float64(ofTenants))
	m.own.WithLabelValues(event.OwnLane{Endpoint: event.NewID()}.Kind()).Set(float64(ofEndpoints))
}

// watch has the buffer and the keeper's lanes shown.
func (*metrics) watch(reg prometheus.Registerer, b *buffer, k *lanes.Keeper) {
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "postrider_deliveries_held",
			Help: "Deliveries that were taken from lanes and are not done with.",
		}, func() float64 { return float64(b.held.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "postrider_own_lanes_open",
			Help: "Lanes of single tenants and endpoints that are worked on.",
		}, func() float64 { return float64(k.Stats().Open) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "postrider_own_lanes_waiting",
			Help: "Lanes of single tenants and endpoints that wait for their turn to be worked on.",
		}, func() float64 { return float64(k.Stats().Waiting) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "postrider_own_lane_hand_overs_total",
			Help: "Times that a lane of a single tenant or endpoint went to another worker, or came from one that died.",
		}, func() float64 { return float64(k.Stats().HandOvers) }),
	)
}
