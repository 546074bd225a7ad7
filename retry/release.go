package retry

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// What may be in memory at a time: enough for 16,000 releases a second.
	heldMessages = 4096
	heldBytes    = 32 << 20

	// releases of one group, and groups that wait for their acknowledgement.
	groupSize = 256
	groups    = 4

	// retryMove is how long a message that cannot go to the next tier stays in its own.
	retryMove = 5 * time.Second
)

// waiting is a message that leaves its tier soon, or whose rest of the wait is
// shorter than any tier.
type waiting struct {
	msg      *bus.Msg
	delivery *event.Delivery
	until    time.Time

	taken, sent trace.Span // of its release, if it is traced
}

// releaser holds messages for the last moments of their wait and sends them on,
// in groups: to deliver, or into the next tier.
type releaser struct {
	bus     *bus.Bus
	log     zerolog.Logger
	metrics *metrics
	trace   *trace.Tracer

	added    chan *waiting
	messages *semaphore.Weighted
	bytes    *semaphore.Weighted
	sending  chan struct{}
}

func newReleaser(env service.Env, m *metrics) *releaser {
	return &releaser{
		bus:      env.Bus,
		log:      env.Log,
		metrics:  m,
		trace:    env.Trace,
		added:    make(chan *waiting, batch),
		messages: semaphore.NewWeighted(heldMessages),
		bytes:    semaphore.NewWeighted(heldBytes),
		sending:  make(chan struct{}, groups),
	}
}

// add takes a message, waiting for room. It returns an error when ctx ends
// before that.
func (r *releaser) add(ctx context.Context, w *waiting) error {
	if err := r.messages.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := r.bytes.Acquire(ctx, w.size()); err != nil {
		r.messages.Release(1)
		return err
	}
	r.metrics.held.Inc()
	select {
	case r.added <- w:
		return nil
	case <-ctx.Done():
		r.forget(w)
		return context.Cause(ctx)
	}
}

func (r *releaser) forget(w *waiting) {
	r.metrics.held.Dec()
	r.messages.Release(1)
	r.bytes.Release(w.size())
}

func (w *waiting) size() int64 { return min(int64(len(w.msg.Data)), heldBytes) }

// run releases each message at its time, until ctx ends. Sends under way are
// bounded by drain, and waited for. What still waits then is given back.
func (r *releaser) run(ctx, drain context.Context) {
	var queue queue
	var sends sync.WaitGroup
	defer sends.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if len(queue) > 0 {
			timer.Reset(time.Until(queue[0].until))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case w := <-r.added:
			heap.Push(&queue, w)
		case <-timer.C:
			group := queue.due(time.Now())
			if len(group) == 0 {
				continue
			}
			select {
			case r.sending <- struct{}{}:
				sends.Go(func() {
					defer func() { <-r.sending }()
					r.send(drain, group)
				})
			case <-ctx.Done(): // all are held up
				r.giveBack(append(queue, group...))
				return
			}
		case <-ctx.Done():
			r.giveBack(queue)
			return
		}
	}
}

// giveBack returns everything that waits to its tier. What a tier adds at this
// moment stays in the channel, and the end of the connection gives it back.
func (r *releaser) giveBack(queue queue) {
	for _, w := range queue {
		w.msg.Nak(time.Until(w.until))
		r.forget(w)
	}
}

// send sends a group on. Each message is acknowledged when it is stored where it
// goes next; the message id makes a repetition harmless. What DELIVER does not take
// is held and tried again. What RETRY does not take, because it is full, stays in
// its tier: what is due must leave before anything can move.
func (r *releaser) send(ctx context.Context, group []*waiting) {
	began := time.Now()
	defer func() { r.metrics.groups.Observe(time.Since(began).Seconds()) }()
	group, messages := r.onward(group)
	var unpublished *bus.UnpublishedError
	errors.As(r.bus.Publish(ctx, messages...), &unpublished)
	var due []*waiting
	var rest []bus.Message
	for i, w := range group {
		switch {
		case unpublished == nil || !slices.Contains(unpublished.Left, i):
			r.finish(w, nil)
		case w.due():
			due, rest = append(due, w), append(rest, messages[i])
		default:
			w.msg.Nak(min(retryMove, time.Until(w.delivery.Due)))
			r.forget(w)
		}
	}
	if len(due) == 0 {
		return
	}
	err := r.bus.Insist(ctx, func(err error) {
		r.log.Warn().Err(err).Int("deliveries", len(due)).Msg("due deliveries wait for their stream")
	}, rest...)
	for _, w := range due {
		r.finish(w, err)
	}
}

// onward makes the messages that send the group on. One of which none can be made is
// rejected.
func (r *releaser) onward(group []*waiting) (going []*waiting, messages []bus.Message) {
	for _, w := range group {
		r.begin(w)
		m, err := w.next()
		if err != nil {
			r.log.Error().Err(err).EmbedObject(service.FieldsOf(w.delivery)).Msg("delivery cannot be sent on")
			r.bus.Reject(w.msg, err)
			r.forget(w)
			continue
		}
		going, messages = append(going, w), append(messages, m)
	}
	return going, messages
}

// begin begins the spans of a release: the wait is over, and what follows is a trace
// of its own.
func (r *releaser) begin(w *waiting) {
	d := w.delivery
	if !w.due() || d.Trace == "" {
		return
	}
	w.taken = r.trace.Resume(d.Trace, w.msg.Subject, trace.OfDelivery(d))
	w.sent = r.trace.Send(w.taken.Or(d.Trace), d.Subject(), trace.OfDelivery(d))
}

func (r *releaser) finish(w *waiting, err error) {
	w.sent.End(trace.Failed(err, "unpublished"))
	w.taken.End(trace.Failed(err, "given_back"))
	if err != nil {
		w.msg.Nak(0)
	} else {
		w.msg.Ack()
		r.metrics.count(w)
		if service.Follows(&r.log) && w.due() {
			r.log.Debug().EmbedObject(service.FieldsOf(w.delivery)).Msg("delivery released")
		}
	}
	r.forget(w)
}

// next is where the message goes now: to its lane when it is due, else into the
// longest tier that fits the rest of the wait. The time that it was stored at tells
// two stays in the same tier apart. What the stream may not remember rightly is looked
// up when it is due; and when it is there twice, since it was put there again, both
// have one name on their lane.
func (w *waiting) next() (bus.Message, error) {
	d := *w.delivery
	m := bus.Message{Tenant: d.Tenant, Data: w.msg.Data}
	d.Recheck = d.Recheck || w.msg.Doubtful()
	if w.due() {
		d.Round = 0
	}
	d.Trace = w.sent.Or(d.Trace)
	if d.Recheck != w.delivery.Recheck || d.Round != w.delivery.Round || d.Trace != w.delivery.Trace {
		var err error
		if m.Data, err = d.Encode(); err != nil {
			return m, err
		}
	}
	m.Subject, m.ID = d.Subject(), d.Key()
	if !w.due() {
		m.Subject = event.TierFor(time.Until(d.Due)).Subject()
		m.ID += "@" + strconv.FormatInt(w.msg.Stored.UnixNano(), 36)
	}
	return m, nil
}

func (w *waiting) due() bool { return !w.until.Before(w.delivery.Due) }

// queue is a heap of messages by the time of their release.
type queue []*waiting

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].until.Before(q[j].until) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(w any)        { *q = append(*q, w.(*waiting)) } //nolint:forcetypeassert // heap's signature
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = nil
	*q = (*q)[:len(*q)-1]
	return last
}

// due removes a group of those whose time has come. One that leaves its tier
// with less to wait than the shortest tier stays, until it is due.
func (q *queue) due(now time.Time) []*waiting {
	var group []*waiting
	for len(*q) > 0 && len(group) < groupSize && !(*q)[0].until.After(now) {
		w := (*q)[0]
		switch rest := w.delivery.Due.Sub(now); {
		case rest <= 0: // it stayed longer than it should have
			w.until = w.delivery.Due
		case rest < event.Tiers()[0].Delay:
			w.until = w.delivery.Due
			heap.Fix(q, 0)
			continue
		}
		heap.Pop(q)
		group = append(group, w)
	}
	return group
}
