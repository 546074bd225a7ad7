package deliver

import (
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/trace"
)

// job is one delivery in the hands of this worker, until its message is
// acknowledged or given back.
type job struct {
	fair.Job
	worker   *worker
	source   *source
	msg      *bus.Msg
	delivery *event.Delivery
	span     trace.Span

	asks      bool        // it is the challenge of its endpoint
	untouched bool        // nobody has ever worked on it
	inFlight  bool        // and its worker knows it
	begun     atomic.Bool // its turn has come
	ended     atomic.Bool
}

// newJob is a job that holds its part of the buffer.
func (w *worker) newJob(s *source, m *bus.Msg, d *event.Delivery) *job {
	j := &job{worker: w, source: s, msg: m, delivery: d, untouched: s.hand.take(m)}
	j.span = w.trace.Receive(d.Trace, m.Subject, m.Stored, trace.OfDelivery(d))
	d.Trace = j.span.Or(d.Trace)
	j.Job = fair.Job{
		Target:   fair.Target{Tenant: d.Tenant, Endpoint: d.Endpoint},
		Class:    d.Class(),
		Priority: d.Priority,
		Lane:     s.kind(),
		Owner:    j,
	}
	return j
}

// know takes note of what the directory says now.
func (j *job) know(e *directory.Endpoint) { j.Target, j.asks = targetOf(e), e.Asks(j.delivery) }

// targetOf is what the scheduler wants to know of an endpoint.
func targetOf(e *directory.Endpoint) fair.Target {
	t := fair.Target{
		Tenant: e.Tenant.ID, Endpoint: e.ID,
		Weight: e.Tenant.Weight, Rate: e.ThrottleRate, TenantRate: e.Tenant.ThrottleRate,
	}
	if b := e.Breaker; b != nil {
		t.Broken = fair.Broken{Since: b.OpenedAt, Probe: b.NextProbeAt, Failed: b.FailedProbes}
	}
	return t
}

// Start implements fair.Owner.
func (j *job) Start() {
	j.begin()
	j.worker.start(j)
}

// Back implements fair.Owner.
func (j *job) Back(v fair.Verdict) { j.worker.back(j, v) }

// begin takes note that the job does not wait any more.
func (j *job) begin() {
	if !j.begun.Swap(true) {
		j.source.hand.begin()
	}
}

// ack ends the job: its message is done with.
func (j *job) ack() {
	j.msg.Ack()
	j.span.End("")
	j.release(false)
}

// giveBack ends the job: its message comes again. touched says that something was
// done with it that must be looked up then.
func (j *job) giveBack(delay time.Duration, touched bool) {
	j.msg.Nak(delay)
	j.span.End("given_back")
	j.release(!touched && j.untouched && j.source.isOwn())
}

// reject ends the job: nobody can handle its message.
func (j *job) reject(reason error) {
	j.worker.bus.Reject(j.msg, reason)
	j.span.End("rejected")
	j.release(false)
}

func (j *job) release(unstarted bool) {
	if j.ended.Swap(true) { // before its handler panicked
		return
	}
	j.begin()
	if j.inFlight {
		j.worker.flights.end(j.delivery)
	}
	j.source.hand.end(j.msg, unstarted)
	j.worker.buffer.give(j.source.isOwn(), len(j.msg.Data))
}
