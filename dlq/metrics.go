package dlq

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	dead     prometheus.Counter
	redriven prometheus.Counter
	poison   prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_dead_letters_total",
			Help: "Deliveries that were given up and recorded.",
		}),
		redriven: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_redriven_total",
			Help: "Deliveries that tasks have put on their way again.",
		}),
		poison: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_poison_messages",
			Help: "Messages on DLQ that nobody could handle.",
		}),
	}
	reg.MustRegister(m.dead, m.redriven, m.poison)
	return m
}
