package service

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/trace"
)

// openTracing returns where the spans of all stages go, nil for nowhere, and what
// sends the last of them: in the drain time that is left, for it is called when the
// stages have ended.
func openTracing(ctx context.Context, settings Settings, log zerolog.Logger, reg prometheus.Registerer) (spans *trace.Exporter, flush func(), err error) {
	spans, err = trace.Open(ctx, trace.Options{Endpoint: settings.OTLPEndpoint, Version: Version, Log: log})
	if err != nil {
		return nil, nil, fmt.Errorf("otlp-endpoint: %w", err)
	}
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "postrider_trace_spans_exported_total",
		Help: "Spans that the collector has taken.",
	}, func() float64 { return float64(spans.Exported()) }), prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "postrider_trace_spans_dropped_total",
		Help: "Spans that were dropped, because the collector did not take them or there were too many.",
	}, func() float64 { return float64(spans.Dropped()) }))
	drain, done := outlive(ctx, settings.DrainDelay+settings.Drain, ErrDrainTimeout)
	return spans, func() {
		spans.Close(drain)
		done()
	}, nil
}
