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

	// batchBytes is how large a message gets, unless it is one event.
	batchBytes = store.OutboxBytes

	// commitTimeout is when a commit is given up. Its events may be accepted or not.
	commitTimeout = 5 * time.Second
)

var errCommitTimeout = fmt.Errorf("database did not commit within %s", commitTimeout)

// writer accepts events in groups: the calls that are there at the same time share a
// transaction. There is no timer: a group is what has come while the one before it
// was committed. The events of one call are never in two that could overtake each
// other, so ordered endpoints get them in their order.
type writer struct {
	store   *store.Store
	outbox  *outbox
	metrics *metrics

	queue *queue
	gate  *gate
	done  sync.WaitGroup
}

// request is one event of a call to Accept.
type request struct {
	ctx      context.Context //nolint:containedctx // of its caller, who may be gone when its turn comes
	event    *store.NewEvent
	verdict  api.Verdict
	answered chan<- struct{} // has room for all requests of the call, so that a writer never waits for a caller
}

// newWriter starts the writers. ctx bounds their commits, not their lives: they
// end with close.
func newWriter(ctx context.Context, s *store.Store, o *outbox, m *metrics) *writer {
	w := &writer{store: s, outbox: o, metrics: m, queue: newQueue(), gate: newGate(s.Health)}
	for range writers {
		w.done.Go(func() {
			for calls, done := w.queue.take(); calls != nil; calls, done = w.queue.take() {
				w.commit(ctx, calls)
				done()
			}
		})
	}
	return w
}

// Accept implements api.Acceptor: it returns once all events are committed, or
// refused. When ctx ends before that it returns the cause, and each event may or
// may not be accepted.
func (w *writer) Accept(ctx context.Context, events ...*store.NewEvent) ([]api.Verdict, error) {
	if len(events) == 0 {
		return nil, nil
	}
	if err := w.gate.shut(); err != nil {
		return nil, w.overloaded(len(events), err)
	}
	requests := make([]request, len(events))
	answered := make(chan struct{}, len(events))
	for i, e := range events {
		requests[i] = request{ctx: ctx, event: e, answered: answered}
	}
	if !w.queue.put(requests) {
		return nil, w.overloaded(len(events), api.ErrOverloaded)
	}
	for range requests {
		select {
		case <-answered:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	verdicts := make([]api.Verdict, len(events))
	for i := range requests {
		verdicts[i] = requests[i].verdict
	}
	return verdicts, nil
}

func (w *writer) overloaded(events int, err error) error {
	w.metrics.accepted.WithLabelValues("overloaded").Add(float64(events))
	return err
}

// watch answers those who wait when the database goes away, until ctx ends.
func (w *writer) watch(ctx context.Context) {
	w.gate.watch(ctx, func(err error) {
		for _, call := range w.queue.shed() {
			for i := range call {
				w.answer(&call[i], err)
			}
		}
	})
}

// close waits until everything that was enqueued is answered.
func (w *writer) close() {
	w.queue.close()
	w.done.Wait()
}

func (w *writer) commit(ctx context.Context, calls [][]request) {
	ctx, cancel := context.WithTimeoutCause(ctx, commitTimeout, errCommitTimeout)
	defer cancel()
	began := time.Now()
	requests := w.here(calls)
	if len(requests) == 0 {
		return
	}
	defer w.gate.commit()()
	accept := func(requests []*request) error {
		events := make([]store.NewEvent, len(requests))
		for i, r := range requests {
			events[i] = *r.event
		}
		verdicts, batches, err := w.store.Accept(ctx, events, batchBytes)
		if store.Unavailable(err) {
			w.gate.close(err)
		}
		if err != nil {
			return err
		}
		for i, r := range requests {
			r.verdict.Refusal = verdicts[i]
		}
		for _, b := range batches {
			w.outbox.Publish(b)
		}
		return nil
	}
	group.Isolate(requests, store.Bad, accept, func(r *request, err error) {
		w.answer(r, err)
	})
	w.metrics.commits.Observe(time.Since(began).Seconds())
	w.metrics.groups.Observe(float64(len(requests)))
}

// here is those requests whose callers have not gone. The others were told
// that the event may not be accepted, and it must not be: whoever reads events in
// the order of their commits counts on none being committed long after its id was
// made (store.PollSlack).
func (w *writer) here(calls [][]request) (here []*request) {
	for _, call := range calls {
		for i := range call {
			r := &call[i]
			if r.ctx.Err() != nil {
				w.answer(r, context.Cause(r.ctx))
				continue
			}
			here = append(here, r)
		}
	}
	return here
}

func (w *writer) answer(r *request, err error) {
	r.verdict.Err = err
	w.metrics.count(r.verdict.Refusal, err)
	r.answered <- struct{}{}
}
