package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

type metrics struct {
	accepted  *prometheus.CounterVec
	published *prometheus.CounterVec
	commits   prometheus.Histogram
	groups    prometheus.Histogram
	shed      prometheus.Counter
	limited   *prometheus.CounterVec
	days      prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_events_accepted_total",
			Help: "Events that producers posted, by what became of them.",
		}, []string{"result"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_event_batches_published_total",
			Help: "Batches of accepted events, by how they got on EVENTS.",
		}, []string{"result"}),
		commits: service.NewBatchDuration(reg),
		groups: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "postrider_commit_events",
			Help:    "Events committed together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_requests_shed_total",
			Help: "Requests that were refused before they were read, because the database is away or too many are under way.",
		}),
	}
	m.days = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "postrider_partitions_end_timestamp_seconds",
		Help: "Until when there are partitions for what happens, in seconds since 1970, as last seen. Without one nothing is accepted.",
	})
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "postrider_requests_limited_total",
		Help: "Requests that were one too many of their caller and answered with 429, by the limit.",
	}, []string{"limit"})
	reg.MustRegister(m.accepted, m.published, m.groups, m.shed, m.limited, m.days)
	for _, limit := range api.Limits() {
		m.limited.WithLabelValues(string(limit))
	}
	for _, result := range []string{"accepted", "refused", "error", "overloaded"} {
		m.accepted.WithLabelValues(result)
	}
	for _, result := range []string{"published", "failed", "deferred", "swept"} {
		m.published.WithLabelValues(result)
	}
	return m
}

func (m *metrics) limit(l api.Limit) { m.limited.WithLabelValues(string(l)).Inc() }

func (m *metrics) count(refusal store.Refusal, err error) {
	switch {
	case err != nil:
		m.accepted.WithLabelValues("error").Inc()
	case refusal != store.Accepted:
		m.accepted.WithLabelValues("refused").Inc()
	default:
		m.accepted.WithLabelValues("accepted").Inc()
	}
}
