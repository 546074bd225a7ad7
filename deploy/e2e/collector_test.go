package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spanCollector takes spans as an operator's does, by OTLP over HTTP.
type spanCollector struct {
	*httptest.Server

	mu    sync.Mutex
	spans []span
	raw   []byte // all that was sent
}

// span is one as it was exported.
type span struct {
	stage, name       string
	kind              trace.Span_SpanKind
	trace, id, parent string
	links             []string // the spans that it is linked to, as trace/span
	attributes        map[string]string
	failed            bool
}

func newCollector(t *testing.T) *spanCollector {
	t.Helper()
	c := new(spanCollector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := c.take(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *spanCollector) take(body io.Reader) error {
	unzipped, err := gzip.NewReader(body)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(unzipped)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, raw...)
	for _, resource := range request.GetResourceSpans() {
		stage := attributes(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, newSpan(stage, s))
			}
		}
	}
	return nil
}

func newSpan(stage string, s *trace.Span) span {
	made := span{
		stage: stage, name: s.GetName(), kind: s.GetKind(),
		trace: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()),
		attributes: attributes(s.GetAttributes()), failed: s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR,
	}
	for _, l := range s.GetLinks() {
		made.links = append(made.links, hex.EncodeToString(l.GetTraceId())+"/"+hex.EncodeToString(l.GetSpanId()))
	}
	return made
}

func attributes(all []*common.KeyValue) map[string]string {
	values := make(map[string]string)
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			values[a.GetKey()] = v.StringValue
		default:
			values[a.GetKey()] = a.GetValue().String()
		}
	}
	return values
}

// of returns the spans about an event that have come.
func (c *spanCollector) of(event string) []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s span) bool { return s.attributes["postrider.event.id"] != event })
}

// said is all that was ever exported.
func (c *spanCollector) said(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.NotEmpty(t, c.raw, "nothing was exported")
	return string(c.raw)
}
