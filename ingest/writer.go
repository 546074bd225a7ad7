package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/group"
	"github.com/postrider/postrider/shared/store"
)

const (
	// Two writers: while one waits for its fsync the other fills its group.
	writers = 2

	// Beyond 500 rows a group gains little and hurts the slowest (measured).
	groupEvents = 500
	groupBytes  = 4 << 20

	// queued bounds the requests that wait for a writer. The next is told to
	// come back later, which is kinder than a queue that outlives its callers.
	queued = 4096

	// batchBytes is how large a message on EVENTS gets, unless it is one event.
	batchBytes = 256 << 10

	commitTimeout = 10 * time.Second
)

var errCommitTimeout = fmt.Errorf("database did not commit within %s", commitTimeout)

// writer accepts events in groups: the requests that are there at the same time
// share a transaction.
type writer struct {
	store   *store.Store
	outbox  *outbox
	metrics *metrics

	mu     sync.RWMutex // guards closing the queue against those who still send
	closed bool
	queue  chan *request
	done   sync.WaitGroup
}

// request is one event and whoever waits for it.
type request struct {
	event   *store.NewEvent
	verdict chan verdict // holds one, so that a writer never waits for a caller
}

type verdict struct {
	refusal store.Refusal
	err     error
}

// newWriter starts the writers. ctx bounds their commits, not their lives: they
// end with close.
func newWriter(ctx context.Context, s *store.Store, o *outbox, m *metrics) *writer {
	w := &writer{store: s, outbox: o, metrics: m, queue: make(chan *request, queued)}
	limit := group.Limit[*request]{
		Items: groupEvents,
		Bytes: groupBytes,
		Size:  func(r *request) int { return len(r.event.Payload) },
	}
	for range writers {
		w.done.Go(func() {
			group.Run(w.queue, limit, func(requests []*request) { w.commit(ctx, requests) })
		})
	}
	return w
}

// Accept implements api.Acceptor: it returns once the event is committed, or
// refused. When ctx ends before that it returns the cause, and the event may or
// may not be accepted.
func (w *writer) Accept(ctx context.Context, e *store.NewEvent) (store.Refusal, error) {
	r := &request{event: e, verdict: make(chan verdict, 1)}
	if !w.enqueue(r) {
		w.metrics.accepted.WithLabelValues("overloaded").Inc()
		return 0, api.ErrOverloaded
	}
	select {
	case v := <-r.verdict:
		return v.refusal, v.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (w *writer) enqueue(r *request) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return false
	}
	select {
	case w.queue <- r:
		return true
	default:
		return false
	}
}

// close waits until everything that was enqueued is answered.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	w.done.Wait()
}

func (w *writer) commit(ctx context.Context, requests []*request) {
	ctx, cancel := context.WithTimeoutCause(ctx, commitTimeout, errCommitTimeout)
	defer cancel()
	began := time.Now()
	refusals := make(map[*request]store.Refusal, len(requests))
	accept := func(requests []*request) error {
		events := make([]store.NewEvent, len(requests))
		for i, r := range requests {
			events[i] = *r.event
		}
		verdicts, batches, err := w.store.Accept(ctx, events, batchBytes)
		if err != nil {
			return err
		}
		for i, r := range requests {
			refusals[r] = verdicts[i]
		}
		for _, b := range batches {
			w.outbox.publish(b)
		}
		return nil
	}
	group.Isolate(requests, store.Bad, accept, func(r *request, err error) {
		w.metrics.count(refusals[r], err)
		r.verdict <- verdict{refusals[r], err}
	})
	w.metrics.commits.Observe(time.Since(began).Seconds())
	w.metrics.groups.Observe(float64(len(requests)))
}
