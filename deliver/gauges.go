package deliver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/deliver/fair"
)

// gauges shows what the scheduler has in hand, counted when somebody looks.
type gauges struct {
	stats                                               func() fair.Stats
	running, waiting, lagging, resting, broken, limited *prometheus.Desc
}

func newGauges(stats func() fair.Stats) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("postrider_"+name, help, labels, nil)
	}
	return &gauges{
		stats:   stats,
		running: desc("attempts_in_flight", "Attempts in flight, by class.", "class"),
		waiting: desc("deliveries_in_memory", "Deliveries that wait in memory for their turn, by class.", "class"),
		lagging: desc("attempts_in_flight_lagging", "Attempts in flight at slow endpoints and from lanes of single tenants and endpoints, which have a share of the slots together."),
		resting: desc("endpoints_resting", "Endpoints that are left alone for a while: they have asked for it, or do nothing but fail."),
		broken:  desc("endpoints_broken", "Endpoints whose circuit breaker is open, as far as this process has to do with them."),
		limited: desc("rate_limits_used_up", "Endpoints and tenants that have used up their rate for the moment, as far as this process has to do with them."),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(g, ch) }

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.stats()
	show := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	for class, n := range s.Running {
		show(g.running, n, string(class))
	}
	for class, n := range s.Waiting {
		show(g.waiting, n, string(class))
	}
	show(g.lagging, s.Lagging)
	show(g.resting, s.Resting)
	show(g.broken, s.Broken)
	show(g.limited, s.Limited)
}
