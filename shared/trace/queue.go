package trace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/postrider/postrider/shared/group"
)

const (
	// queued bounds the spans that wait to be exported, of a KiB each or so.
	queued = 4096

	// exported together, at most, and no sooner than so long after the last ones.
	exportGroup = 512
	exportEvery = time.Second

	// said bounds what is logged of an error, which may quote the collector.
	said = 300
)

// queue is what has ended and is not exported yet. It stands in for the library's own
// processor because it counts what is dropped.
type queue struct {
	sender sdktrace.SpanExporter
	log    zerolog.Logger

	exported, dropped atomic.Uint64

	mu     sync.RWMutex
	closed bool
	spans  chan sdktrace.ReadOnlySpan

	life    context.Context //nolint:containedctx // of the exports; ended by close
	cut     context.CancelFunc
	done    chan struct{}
	failing bool
}

// newQueue returns a queue that works until close is called, or ctx ends.
func newQueue(ctx context.Context, sender sdktrace.SpanExporter, log zerolog.Logger) *queue {
	q := &queue{sender: sender, log: log, spans: make(chan sdktrace.ReadOnlySpan, queued), done: make(chan struct{})}
	q.life, q.cut = context.WithCancel(ctx)
	go func() {
		defer close(q.done)
		group.Paced(q.spans, exportGroup, exportEvery, func(sdktrace.ReadOnlySpan) bool { return false }, q.export)
	}()
	return q
}

// OnStart implements sdktrace.SpanProcessor.
func (*queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor. It does not wait.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if !q.closed {
		select {
		case q.spans <- s:
			return
		default:
		}
	}
	q.dropped.Add(1)
}

// Shutdown implements sdktrace.SpanProcessor; close is for whoever owns the queue.
func (*queue) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdktrace.SpanProcessor.
func (*queue) ForceFlush(context.Context) error { return nil }

// close exports what is queued, and drops what is left of it when ctx ends.
func (q *queue) close(ctx context.Context) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.spans)
	}
	q.mu.Unlock()
	defer context.AfterFunc(ctx, q.cut)()
	<-q.done
	q.cut()
}

// export says when the collector takes no more, and when it does again.
func (q *queue) export(spans []sdktrace.ReadOnlySpan) {
	ctx, cancel := context.WithTimeout(q.life, exportTimeout)
	defer cancel()
	err := q.sender.ExportSpans(ctx, spans)
	if err == nil {
		q.exported.Add(uint64(len(spans)))
	} else {
		q.dropped.Add(uint64(len(spans)))
	}
	switch failing := err != nil; {
	case failing && !q.failing:
		text := err.Error()
		q.log.Warn().Str("error", text[:min(len(text), said)]).Msg("spans are dropped: the collector does not take them")
		q.failing = true
	case !failing && q.failing:
		q.log.Info().Msg("the collector takes spans again")
		q.failing = false
	}
}
