package dlq

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/bus"
)

// streamGauges show how full the streams are: those of all shards as one.
type streamGauges struct {
	messages, bytes, used *prometheus.GaugeVec
}

func newStreamGauges(reg prometheus.Registerer) *streamGauges {
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "postrider_stream_" + name, Help: help}, []string{"stream"})
		reg.MustRegister(g)
		return g
	}
	return &streamGauges{
		messages: gauge("messages", "Messages on the stream, all its shards together. All processes say the same."),
		bytes:    gauge("bytes", "Bytes of these messages on a server's disk. All processes say the same."),
		used:     gauge("used_ratio", "How much of what it may have at most the stream uses, 0 to 1; of one with shards the fullest. At 1 it takes nothing more. All processes say the same."),
	}
}

// show shows the streams.
func (g *streamGauges) show(streams map[string]bus.StreamState) {
	messages, bytes, used := make(map[string]float64), make(map[string]float64), make(map[string]float64)
	for name, s := range streams {
		if s.MaxBytes < 1 {
			continue // the table of the workers, which never grows
		}
		stem := bus.Stem(name)
		messages[stem] += float64(s.Messages)
		bytes[stem] += float64(s.Bytes)
		used[stem] = max(used[stem], float64(s.Bytes)/float64(s.MaxBytes))
	}
	for stem := range messages {
		g.messages.WithLabelValues(stem).Set(messages[stem])
		g.bytes.WithLabelValues(stem).Set(bytes[stem])
		g.used.WithLabelValues(stem).Set(used[stem])
	}
}
