package rebuild

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/store"
)

// What is counted beside the kinds of the store.
const (
	kindOverdue = "overdue"

	lossSeen     = "seen"
	lossPossible = "possible"
)

// Metrics count what was made good. Nil counts nothing.
type Metrics struct {
	reconciled *prometheus.CounterVec
	losses     *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		reconciled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_reconciled_total",
			Help: "What was put on its way again since a stream may have lost it, by kind.",
		}, []string{"kind"}),
		losses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_stream_losses_total",
			Help: "How often streams were seen to have lost something, or may have since NATS was started again.",
		}, []string{"loss"}),
	}
	for _, kind := range append(store.Kinds(), kindOverdue) {
		m.reconciled.WithLabelValues(kind)
	}
	for _, loss := range []string{lossSeen, lossPossible} {
		m.losses.WithLabelValues(loss)
	}
	reg.MustRegister(m.reconciled, m.losses)
	return m
}

// again counts what was put on its way again.
func (m *Metrics) again(kind string, n int64) {
	if m != nil {
		m.reconciled.WithLabelValues(kind).Add(float64(n))
	}
}

// lost counts a reconciliation that became necessary.
func (m *Metrics) lost(r *store.Reconciliation) {
	switch {
	case m == nil || r == nil:
	case r.Lost:
		m.losses.WithLabelValues(lossSeen).Inc()
	default:
		m.losses.WithLabelValues(lossPossible).Inc()
	}
}
