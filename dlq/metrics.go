package dlq

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/service"
)

type metrics struct {
	dead     prometheus.Counter
	redriven prometheus.Counter
	poison   prometheus.Gauge
	records  prometheus.Histogram
	letters  prometheus.Gauge
	streams  *streamGauges
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		records: service.NewBatchDuration(reg),
		letters: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_dlq_letters",
			Help: "Dead letters that are there to be looked at and redriven, as last seen; from 100,000 on as PostgreSQL estimates. All processes say the same.",
		}),
		streams: newStreamGauges(reg),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_dead_letters_total",
			Help: "Deliveries that were given up and recorded.",
		}),
		redriven: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_deliveries_redriven_total",
			Help: "Deliveries that tasks have put on their way again.",
		}),
		poison: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_poison_messages",
			Help: "Messages on DLQ that nobody could handle.",
		}),
	}
	reg.MustRegister(m.dead, m.redriven, m.poison, m.letters)
	return m
}
