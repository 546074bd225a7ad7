package deliver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// ways are what metrics call the lanes: all shared ones are one to them.
func ways() (shared, ofTenant, ofEndpoint string) {
	return "shared", event.OwnLane{}.Kind(), event.OwnLane{Endpoint: event.ID{1}}.Kind()
}

func (s *source) way() string {
	shared, ofTenant, ofEndpoint := ways()
	switch s.kind() {
	case fair.OfTenant:
		return ofTenant
	case fair.OfEndpoint:
		return ofEndpoint
	default:
		return shared
	}
}

type metrics struct {
	attempts   *prometheus.CounterVec
	durations  prometheus.Histogram
	firstDelay *prometheus.HistogramVec
	age        prometheus.Histogram
	batches    prometheus.Histogram
	records    prometheus.Histogram
	returned   prometheus.Counter
	moved      prometheus.Counter
	notSent    prometheus.Counter
	disabled   *prometheus.CounterVec
	own        *prometheus.GaugeVec
	broken     prometheus.Gauge
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
		firstDelay: prometheus.NewHistogramVec(service.Native(prometheus.HistogramOpts{
			Name:    "postrider_first_attempt_latency_seconds",
			Help:    "Time from the acceptance of an event, or from when it was to be delivered, to the start of the first attempt, by the lane that it came through: in that of an endpoint it waited for that, in that of a tenant for the tenant's own.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}), []string{"lane"}),
		age: prometheus.NewHistogram(service.Native(prometheus.HistogramOpts{
			Name:    "postrider_delivery_age_seconds",
			Help:    "Time from the acceptance of an event to its arrival at an endpoint, retries included, and the wait of events for later; without replays.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 15),
		})),
		batches: service.NewBatchDuration(reg),
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
		disabled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_endpoints_disabled_total",
			Help: "Endpoints that were disabled because of how their attempts ended: they are gone (410), or have been failing for too long.",
		}, []string{"reason"}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_circuit_open_endpoints",
			Help: "Endpoints of all tenants whose circuit breaker is open, as last seen. All processes say the same.",
		}),
		own: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "postrider_own_lane_messages",
			Help: "Deliveries in the lanes of single tenants and endpoints, as last seen. All processes say the same.",
		}, []string{"lane"}),
	}
	reg.MustRegister(m.attempts, m.durations, m.firstDelay, m.age, m.records, m.returned, m.moved, m.notSent, m.disabled, m.own, m.broken)
	for _, o := range Outcomes() {
		m.attempts.WithLabelValues(string(o))
	}
	for _, reason := range []string{store.DisabledGone, store.DisabledFailing} {
		m.disabled.WithLabelValues(reason)
	}
	shared, ofTenant, ofEndpoint := ways()
	for _, lane := range []string{shared, ofTenant, ofEndpoint} {
		m.firstDelay.WithLabelValues(lane)
	}
	return m
}

// firstInShared is how late first attempts are that nothing of their own holds up.
func (m *metrics) firstInShared() prometheus.Collector {
	shared, _, _ := ways()
	return m.firstDelay.WithLabelValues(shared).(prometheus.Histogram) //nolint:forcetypeassert // each of a HistogramVec is one
}

func (m *metrics) observe(j *job, a *attempt) {
	m.attempts.WithLabelValues(string(a.outcome)).Inc()
	m.durations.Observe(a.duration.Seconds())
	d := j.delivery
	accepted := d.Event.Time()
	if d.Class() == event.First {
		since := accepted
		if d.Due.After(since) {
			since = d.Due
		}
		m.firstDelay.WithLabelValues(j.source.way()).Observe(max(a.began.Sub(since), 0).Seconds())
	}
	if a.outcome == Success && d.Class() != event.Replay {
		m.age.Observe(max(a.began.Add(a.duration).Sub(accepted), 0).Seconds())
	}
}

// ownLanes shows how much waits in lanes of single tenants and endpoints.
func (m *metrics) ownLanes(inTenants, inEndpoints int) {
	_, ofTenant, ofEndpoint := ways()
	m.own.WithLabelValues(ofTenant).Set(float64(inTenants))
	m.own.WithLabelValues(ofEndpoint).Set(float64(inEndpoints))
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
