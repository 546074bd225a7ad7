package trace

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const (
	// exportTimeout is for one request to the collector, and all repetitions of it.
	exportTimeout = 5 * time.Second

	// defaultPath is where collectors take spans by HTTP.
	defaultPath = "/v1/traces"

	scope = "github.com/postrider/postrider"
)

// Options tell where spans go.
type Options struct {
	Endpoint string // URL of the collector, as CheckEndpoint accepts it; empty: tracing is off
	Version  string // of the program
	Log      zerolog.Logger
}

// Exporter sends the spans of a process to a collector. It never keeps anybody
// waiting: what it has no room for, and what the collector does not take, is dropped
// and counted. That of nil is tracing that is off.
type Exporter struct {
	options Options
	id      string // of this process
	place   *resource.Resource
	queue   *queue
	sender  *otlptrace.Exporter
	client  *http.Client
}

// CheckEndpoint returns what is wrong with a collector's URL.
func CheckEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return errors.New("must be a URL such as http://collector:4318")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		return errors.New("must be a URL such as http://collector:4318, with a path or without")
	case u.User != nil:
		return errors.New("must have no user: put the header that the collector wants into OTEL_EXPORTER_OTLP_HEADERS")
	default:
		return nil
	}
}

// Open returns an exporter, nil where there is no endpoint. It does not wait for the
// collector, which may come and go.
func Open(ctx context.Context, o Options) (*Exporter, error) {
	if o.Endpoint == "" {
		return nil, nil //nolint:nilnil // tracing is off
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("parse endpoint: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = defaultPath
	}
	// It goes where the operator says, past the guard that tenants' URLs go through
	// and past any proxy.
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	sender, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(u.String()),
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: 250 * time.Millisecond, MaxInterval: time.Second, MaxElapsedTime: exportTimeout,
		}))
	if err != nil {
		return nil, fmt.Errorf("make exporter of spans: %w", err)
	}
	// What OTEL_RESOURCE_ATTRIBUTES says of the place. An error is of those, and what
	// could be read of them is used.
	place, _ := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK())
	return &Exporter{
		options: o, id: rand.Text(), place: place, queue: newQueue(context.WithoutCancel(ctx), sender, o.Log), sender: sender, client: client,
	}, nil
}

// Tracer returns the tracer of a stage, which is a service of its own in the traces;
// nil where tracing is off. Its spans are lost once the exporter is closed.
func (e *Exporter) Tracer(stage string) *Tracer {
	if e == nil {
		return nil
	}
	of, _ := resource.Merge(e.place, resource.NewSchemaless( // which fits every schema
		semconv.ServiceName("postrider-"+stage), semconv.ServiceVersion(e.options.Version), semconv.ServiceInstanceID(e.id)))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(of),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // of what is not to be traced no span is begun
		sdktrace.WithSpanProcessor(e.queue))
	return &Tracer{provider.Tracer(scope)}
}

// Exported is how many spans the collector has taken.
func (e *Exporter) Exported() uint64 {
	if e == nil {
		return 0
	}
	return e.queue.exported.Load()
}

// Dropped is how many spans were dropped: the queue was full, or the collector did
// not take them.
func (e *Exporter) Dropped() uint64 {
	if e == nil {
		return 0
	}
	return e.queue.dropped.Load()
}

// Close sends what there is, until ctx ends or the time of a request is over, and
// drops the rest.
func (e *Exporter) Close(ctx context.Context) {
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	e.queue.close(ctx)
	_ = e.sender.Shutdown(ctx) // it has nothing left to do
	e.client.CloseIdleConnections()
}
