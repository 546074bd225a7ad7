package trace

import (
	"math/rand/v2"
	"net/http"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/postrider/postrider/shared/event"
)

// wishes is how many requests a second are traced because their callers wish it, by
// the sampled flag of the traceparent that they send. Those beyond count as if they
// had no wish, so nobody can have everything traced.
const wishes = 50

// Door decides which requests are traced. It is safe for concurrent use; that of nil
// traces none.
type Door struct {
	tracer *Tracer
	share  float64
	wishes *rate.Limiter
}

// Door returns a door that traces a share of those requests, from 0 to 1, that do not
// belong to a trace yet; nil where tracing is off.
func (t *Tracer) Door(share float64) *Door {
	if t == nil {
		return nil
	}
	return &Door{tracer: t, share: share, wishes: rate.NewLimiter(wishes, wishes)}
}

// Begin begins the span of a request, or the zero Span if it is not traced. One that
// belongs to a trace of its caller goes on with it, and is not traced if that is not
// sampled. Of what else callers send along with a trace nothing is kept.
func (d *Door) Begin(r *http.Request) Span {
	if d == nil {
		return Span{}
	}
	var cause oteltrace.SpanContext
	if header := r.Header.Get("Traceparent"); header != "" {
		cause = parse(event.Trace(header))
	}
	wanted := cause.IsSampled() && d.wishes.Allow()
	if cause.IsValid() && !cause.IsSampled() || !wanted && rand.Float64() >= d.share { //nolint:gosec // nothing is guarded by it
		return Span{}
	}
	_, span := d.tracer.spans.Start(oteltrace.ContextWithRemoteSpanContext(r.Context(), cause), r.Pattern,
		oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(semconv.HTTPRequestMethodKey.String(r.Method), semconv.HTTPRoute(route(r))))
	return Span{span}
}

// route is the pattern of the request without its method.
func route(r *http.Request) string {
	for i := range r.Pattern {
		if r.Pattern[i] == '/' {
			return r.Pattern[i:]
		}
	}
	return r.Pattern
}
