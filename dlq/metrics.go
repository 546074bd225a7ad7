package dlq

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	dead     prometheus.Counter
	redriven prometheus.Counter
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
	}
	reg.MustRegister(m.dead, m.redriven)
	return m
}
