package service

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

// Native has a histogram also keep native buckets, for a Prometheus that asks for
// them: each a tenth wider than the one before, and no more than 160 of them.
func Native(o prometheus.HistogramOpts) prometheus.HistogramOpts {
	o.NativeHistogramBucketFactor = 1.1
	o.NativeHistogramMaxBucketNumber = 160
	o.NativeHistogramMinResetDuration = time.Hour
	return o
}

// NewBatchDuration registers the histogram of how long the stage takes for a batch:
// what it takes together, does together and is done with together, whatever that is
// in each stage. In seconds.
func NewBatchDuration(reg prometheus.Registerer) prometheus.Histogram {
	h := prometheus.NewHistogram(Native(prometheus.HistogramOpts{
		Name:    "postrider_stage_batch_duration_seconds",
		Help:    "Time that the stage takes for a batch: a commit of events in ingest, their expansion in fanout, the record of attempts in deliver, a hand-over in retry, a record of dead letters in dlq.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}))
	reg.MustRegister(h)
	return h
}

// newRegistry has the metrics of a process.
func newRegistry(memory int64) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(), memoryLimit(memory),
	)
	return reg
}

func memoryLimit(bytes int64) prometheus.Collector {
	limit := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "postrider_memory_limit_bytes",
		Help: "Memory that this process may have at most.",
	})
	limit.Set(float64(bytes))
	return limit
}

func buildInfo() prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "postrider_build_info",
		Help:        "1, labelled with what this program was built from.",
		ConstLabels: prometheus.Labels{"version": Version},
	})
	info.Set(1)
	return info
}

// pool shows the connections of a store, counted when somebody looks.
type pool struct {
	store *store.Store

	connections, most, acquired, waited, abandoned, waitedFor *prometheus.Desc
}

// NewPool returns a collector of what becomes of a store's connections to
// PostgreSQL. The name tells several of a process apart.
func NewPool(name string, s *store.Store) prometheus.Collector {
	desc := func(of, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("postrider_postgres_pool_"+of, help, labels, prometheus.Labels{"pool": name})
	}
	return &pool{
		store:       s,
		connections: desc("connections", "Connections to PostgreSQL, by what is with them.", "state"),
		most:        desc("max_connections", "Most connections to PostgreSQL that there may be."),
		acquired:    desc("acquires_total", "Uses of a connection."),
		waited:      desc("waits_total", "Uses of a connection that had to wait for one, or for it to be made."),
		abandoned:   desc("abandoned_waits_total", "Waits for a connection that were given up."),
		waitedFor:   desc("wait_seconds_total", "Time spent waiting for a connection, all waits together."),
	}
}

// Describe implements prometheus.Collector.
func (p *pool) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, ch) }

// Collect implements prometheus.Collector.
func (p *pool) Collect(ch chan<- prometheus.Metric) {
	s := p.store.PoolStats()
	for state, n := range map[string]int{"idle": s.Idle, "in_use": s.InUse, "opening": s.Opening} {
		ch <- prometheus.MustNewConstMetric(p.connections, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(p.most, prometheus.GaugeValue, float64(s.Most))
	ch <- prometheus.MustNewConstMetric(p.acquired, prometheus.CounterValue, float64(s.Acquired))
	ch <- prometheus.MustNewConstMetric(p.waited, prometheus.CounterValue, float64(s.Waited))
	ch <- prometheus.MustNewConstMetric(p.abandoned, prometheus.CounterValue, float64(s.Abandoned))
	ch <- prometheus.MustNewConstMetric(p.waitedFor, prometheus.CounterValue, s.WaitedFor.Seconds())
}

// connections shows the connection to NATS, as it is when somebody looks.
type connections struct {
	bus *bus.Bus

	connected, reconnects, messages, bytes *prometheus.Desc
}

func newConnections(b *bus.Bus) *connections {
	desc := func(of, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("postrider_nats_"+of, help, labels, nil)
	}
	return &connections{
		bus:        b,
		connected:  desc("connected", "1 while this process is connected to a NATS server."),
		reconnects: desc("reconnects_total", "How often the connection to NATS was made anew."),
		messages:   desc("messages_total", "Messages that came from NATS and went there, those of the protocol of JetStream included.", "direction"),
		bytes:      desc("bytes_total", "Bytes of these messages.", "direction"),
	}
}

// Describe implements prometheus.Collector.
func (c *connections) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *connections) Collect(ch chan<- prometheus.Metric) {
	connected := 0.0
	if c.bus.Connected() == nil {
		connected = 1
	}
	t := c.bus.Traffic()
	ch <- prometheus.MustNewConstMetric(c.connected, prometheus.GaugeValue, connected)
	ch <- prometheus.MustNewConstMetric(c.reconnects, prometheus.CounterValue, float64(t.Reconnects))
	ch <- prometheus.MustNewConstMetric(c.messages, prometheus.CounterValue, float64(t.InMessages), "in")
	ch <- prometheus.MustNewConstMetric(c.messages, prometheus.CounterValue, float64(t.OutMessages), "out")
	ch <- prometheus.MustNewConstMetric(c.bytes, prometheus.CounterValue, float64(t.InBytes), "in")
	ch <- prometheus.MustNewConstMetric(c.bytes, prometheus.CounterValue, float64(t.OutBytes), "out")
}
