// Package trace makes spans of what happens to events, by OpenTelemetry, and sends
// them to the operator's collector over OTLP. It is off unless there is one: then
// tracers are nil, spans are zero, and neither costs anything.
//
// Whether an event is traced is decided once, by the Door that its request comes in
// by. What is traced carries an event.Trace, what is not carries none, and a tracer
// makes no span without.
//
// A span has ids, names of streams and routes, numbers, outcomes and the host that
// was called. It has no payload, no further part of a URL, and no text of an error,
// which may hold either.
package trace

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/postrider/postrider/shared/event"
)

// longWait is how long a message may wait for the span of who takes it to belong
// into the trace of who sent it. Backends take a trace for complete before long, and
// one that goes on for days has no duration to speak of.
const longWait = time.Minute

// Tracer makes the spans of one stage. That of nil is the zero Span. It is safe for
// concurrent use.
type Tracer struct{ spans oteltrace.Tracer }

// Send begins the span of publishing something. The subject stands for its stream.
func (t *Tracer) Send(from event.Trace, subject string, about About) Span {
	if t == nil || from == "" {
		return Span{}
	}
	stream := streamOf(subject)
	return t.start(from, false, "send "+stream, oteltrace.SpanKindProducer,
		append(about.attributes(), onStream(stream, semconv.MessagingOperationTypeSend)...))
}

// Receive begins the span of working on what came by a subject. It belongs to the
// trace of who sent it, or, when it was stored long ago, is linked to that.
func (t *Tracer) Receive(from event.Trace, subject string, stored time.Time, about About) Span {
	if t == nil || from == "" {
		return Span{}
	}
	return t.receive(from, time.Since(stored) > longWait, subject, about)
}

// Resume begins the span of going on with what was put off on purpose: a retry, a
// replay. It is a trace of its own, linked to the one before.
func (t *Tracer) Resume(from event.Trace, subject string, about About) Span {
	if t == nil || from == "" {
		return Span{}
	}
	return t.receive(from, true, subject, about)
}

func (t *Tracer) receive(from event.Trace, linked bool, subject string, about About) Span {
	stream := streamOf(subject)
	return t.start(from, linked, "process "+stream, oteltrace.SpanKindConsumer,
		append(about.attributes(), onStream(stream, semconv.MessagingOperationTypeProcess)...))
}

// Call begins the span of an HTTP call of an endpoint. Of its URL only host and port
// are told.
func (t *Tracer) Call(from event.Trace, host string, port int, about About) Span {
	if t == nil || from == "" {
		return Span{}
	}
	attributes := append(about.attributes(), semconv.HTTPRequestMethodPost, semconv.ServerAddress(host), semconv.ServerPort(port))
	if about.Attempt > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(about.Attempt-1))
	}
	return t.start(from, false, "POST", oteltrace.SpanKindClient, attributes)
}

func (t *Tracer) start(from event.Trace, linked bool, name string, kind oteltrace.SpanKind, attributes []attribute.KeyValue) Span {
	cause := parse(from)
	if !cause.IsValid() {
		return Span{}
	}
	options := []oteltrace.SpanStartOption{oteltrace.WithSpanKind(kind), oteltrace.WithAttributes(attributes...)}
	ctx := context.Background() // what a span belongs to is in the trace that it comes from
	if linked {
		options = append(options, oteltrace.WithLinks(oteltrace.Link{SpanContext: cause}))
	} else {
		ctx = oteltrace.ContextWithRemoteSpanContext(ctx, cause)
	}
	_, span := t.spans.Start(ctx, name, options...)
	return Span{span}
}

// streamOf is the stream of a subject: its first word in capitals. The others are ids,
// which are no names for a kind of span.
func streamOf(subject string) string {
	first, _, _ := strings.Cut(subject, ".")
	return strings.ToUpper(first)
}

func onStream(stream string, operation attribute.KeyValue) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingDestinationName(stream),
		operation, semconv.MessagingOperationName(operation.Value.AsString()),
	}
}

// parse reads a traceparent. What is none is no valid span.
func parse(from event.Trace) oteltrace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": string(from)})
	return oteltrace.SpanContextFromContext(ctx)
}

// Span is a step of a trace. The zero Span is of what is not traced; all methods may
// be called on it and do nothing.
type Span struct{ span oteltrace.Span }

// Traced reports whether there is a span.
func (s Span) Traced() bool { return s.span != nil }

// Or is what goes on from this span; where there is none, what went on before it.
func (s Span) Or(before event.Trace) event.Trace {
	if s.span == nil {
		return before
	}
	c := s.span.SpanContext()
	return event.Trace("00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String())
}

// About adds what the span turns out to be about.
func (s Span) About(about About) {
	if s.span != nil {
		s.span.SetAttributes(about.attributes()...)
	}
}

// Outcome notes how a call was answered (0: it was not), and, if it failed, the name
// of its kind of failure.
func (s Span) Outcome(status int, failure string) {
	if s.span == nil {
		return
	}
	if status != 0 {
		s.span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if failure != "" {
		s.fail(failure)
	}
}

// End ends the span. failure is the name of a kind of failure, of which there must be
// few; empty if there was none. What is done to the span afterwards has no effect.
func (s Span) End(failure string) {
	if s.span == nil {
		return
	}
	if failure != "" {
		s.fail(failure)
	}
	s.span.End()
}

// Failed is what a span ends with: nothing where there is no error, and otherwise the
// name of the kind of failure.
func Failed(err error, kind string) string {
	if err == nil {
		return ""
	}
	return kind
}

func (s Span) fail(failure string) {
	s.span.SetStatus(codes.Error, "")
	s.span.SetAttributes(semconv.ErrorTypeKey.String(failure))
}

type spanKey struct{}

// With returns a context that carries the span of a request.
func With(ctx context.Context, s Span) context.Context {
	if s.span == nil {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, s)
}

// From returns the span of the request that ctx is of.
func From(ctx context.Context) Span {
	s, _ := ctx.Value(spanKey{}).(Span)
	return s
}
