package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// pulled together from the lane of an ordered endpoint. Twice as many may be in
	// memory beside the window, and with their payloads, if they were moved here.
	orderedBatch = 32

	// A wait of at most so long is made with the messages in memory; for a longer
	// one the lane is left, and found again when it is over.
	shortWait = 5 * time.Second

	// How long it waits at least when it finds its endpoint busy.
	retryBusy = 250 * time.Millisecond

	// How far the ids of events may be from the order of acceptance: their times
	// are of several clocks, and before the commit. Where it is not known what came
	// before, a minute is looked at (store.PollSlack is the reason).
	orderSlack = 2 * time.Second
	orderStart = store.PollSlack
)

// orderedLane serves the lane of an endpoint that gets its deliveries one at a time
// and in the order of acceptance. The next attempt begins only when the one before
// is recorded. Its message is acknowledged then, or, when it failed, stays the
// first until it succeeds or is dead. So nothing that a crash could undo has to be
// remembered: whoever serves the lane next gets the messages again and looks up
// what was made of them.
type orderedLane struct {
	*worker
	lane     event.OwnLane
	consumer bus.Consumer
	life     context.Context      //nolint:containedctx // of the right to make attempts
	held     func() bool          // whether there is that right
	patience func() time.Duration // for how long to wait for a message
	source   *source
	window   window
	arrived  chan []*bus.Msg
}

// serveOrdered works on the lane of an ordered endpoint until it is idle, has to
// rest, or ctx ends. Attempts in flight are cut off when life ends. What was made
// of the messages that are given back is looked up, whatever it is.
func (w *worker) serveOrdered(ctx, life context.Context, l *lanes.Lane) lanes.Left {
	o := &orderedLane{worker: w, lane: l.OwnLane, consumer: l.Consumer, life: life, held: l.Held, patience: l.Patience}
	return lanes.Left{Until: o.visit(ctx), Unstarted: bus.LanePending}
}

// visit serves the lane, and gives back what is left. It returns when there is
// something to do for the lane again; zero for when something comes.
func (o *orderedLane) visit(ctx context.Context) (until time.Time) {
	puller, err := o.bus.Pull(o.consumer, orderedBatch)
	if err != nil { // without a connection, and so without a lease
		return time.Now().Add(shortRest)
	}
	defer puller.Close()
	o.source, o.arrived = newSource(o.lane.Kind(), nil), make(chan []*bus.Msg)
	pulling, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.pull(pulling, puller)
	}()
	defer func() {
		stop()
		<-done
		for _, h := range o.window.held {
			h.msg.Nak(0)
		}
	}()
	return o.serve(ctx)
}

// pull brings messages, a few ahead of what the window takes.
func (o *orderedLane) pull(ctx context.Context, puller *bus.Puller) {
	for {
		messages, err := puller.Next(ctx, orderedBatch)
		if err != nil {
			return // ctx has ended
		}
		select {
		case o.arrived <- messages:
		case <-ctx.Done():
			for _, m := range messages {
				m.Nak(0)
			}
			return
		}
	}
}

func (o *orderedLane) serve(ctx context.Context) (until time.Time) {
	for ctx.Err() == nil {
		o.take()
		h, ask, again := o.window.next(time.Now())
		var err error
		switch {
		case h != nil:
			until, err = o.workOn(ctx, h)
			if err == nil && time.Until(until) > shortWait {
				return until
			}
			if err == nil {
				o.wait(ctx, time.Until(until))
			}
		case ask:
			err = o.ask(ctx)
		case !again.IsZero():
			o.wait(ctx, time.Until(again))
		case !o.wait(ctx, o.patience()) && len(o.window.held) == 0:
			return time.Time{}
		}
		if errors.Is(err, errLeave) {
			return time.Time{}
		}
		if err != nil && ctx.Err() == nil {
			o.metrics.returned.Inc()
			o.log.Warn().Err(err).EmbedObject(o.about()).Msg("ordered endpoint waits")
			return time.Now().Add(retryLookup)
		}
	}
	return time.Time{}
}

// about is the lane's endpoint, as a line of the log is about it.
func (o *orderedLane) about() service.Fields {
	return service.Fields{Tenant: o.lane.Tenant, Endpoint: o.lane.Endpoint}
}

// errLeave says that the lane is to be left, since the endpoint has become what is
// served otherwise.
var errLeave = errors.New("not to be served in order now")

// wait waits for as long as it is told, or less when something comes, and reports
// whether something came.
func (o *orderedLane) wait(ctx context.Context, long time.Duration) bool {
	arrived := o.arrived
	if o.window.room() == 0 {
		arrived = nil
	}
	if long <= 0 {
		return false
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case messages := <-arrived:
		o.put(messages)
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// take takes what has come, without waiting.
func (o *orderedLane) take() {
	for o.window.room() > 0 {
		select {
		case messages := <-o.arrived:
			o.put(messages)
		default:
			return
		}
	}
}

func (o *orderedLane) put(messages []*bus.Msg) {
	for _, m := range messages {
		d, err := event.DecodeDelivery(m.Data)
		if err != nil {
			o.log.Error().Err(err).Str("lane", o.lane.Subject()).Uint64("sequence", m.Sequence).Msg("delivery cannot be read")
			o.bus.Reject(m, err)
			continue
		}
		d.Payload, d.Referred = nil, true // one that was moved here has it
		m.Data = nil
		o.window.put(m, d)
	}
}

// ask looks up what was made of the messages, and which are missing.
func (o *orderedLane) ask(ctx context.Context) error {
	q := o.window.ask(orderSlack, orderStart)
	made, err := o.store.NewestAttempts(ctx, o.lane.Tenant, o.lane.Endpoint, q.events())
	if err != nil {
		return err
	}
	var unknown []event.Place
	if q.spans() {
		unknown, err = o.store.Unfinished(ctx, o.lane.Tenant, o.lane.Endpoint, q.span, windowFull)
		if err != nil {
			return err
		}
	}
	if lost := o.window.answer(q, made, unknown, time.Now()); lost > 0 {
		o.log.Warn().Int("events", lost).EmbedObject(o.about()).
			Msg("events accepted earlier did not come; the endpoint goes on without them")
	}
	return nil
}

// workOn does what is next with the first message. If that panics, the message is
// set aside, and the lane goes on with what is next.
func (o *orderedLane) workOn(ctx context.Context, h *held) (until time.Time, err error) {
	panicked := bus.Try(func() { until, err = o.work(ctx, h) })
	if panicked == nil {
		return until, err
	}
	o.log.Error().Err(panicked).EmbedObject(service.FieldsOf(h.delivery)).Msg("delivery cannot be handled")
	o.bus.Reject(h.msg, panicked)
	for _, c := range o.window.done() {
		c.msg.Ack()
	}
	return time.Time{}, nil
}

// work does what is next with the first message. It returns until when nothing can
// be done for the lane; zero or a time that is past for not at all.
func (o *orderedLane) work(ctx context.Context, h *held) (until time.Time, err error) {
	j := &job{source: o.source, msg: h.msg, delivery: h.delivery}
	defer func() { j.span.End("") }()
	endpoint, err := o.directory.Endpoint(ctx, o.lane.Tenant, o.lane.Endpoint, h.delivery.Version)
	switch {
	case errors.Is(err, directory.ErrUnknown): // deleted, and its deliveries with it
		o.finished()
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	case !endpoint.Ordered, endpoint.Paused && !endpoint.Disabled:
		return time.Time{}, errLeave
	}
	var r *result
	switch made := h.made; {
	case made != nil && made.NextAt.IsZero(): // by a worker that died before it could say so
		h.delivery.Attempt = made.Number
		r = &result{job: j, attempt: *made, recorded: true, found: true}
	case made != nil && time.Now().Before(made.NextAt) && endpoint.OrderedPolicy != store.OrderedSkip:
		return made.NextAt, nil
	default:
		if made != nil {
			h.delivery.Attempt = made.Number + 1
		}
		if r, until, err = o.attempt(ctx, endpoint, j); r == nil {
			return until, err
		}
	}
	if err := o.finish(r); err != nil {
		return time.Time{}, err
	}
	if !r.attempt.NextAt.IsZero() {
		h.made = &r.attempt
		return r.attempt.NextAt, nil
	}
	o.finished()
	return time.Time{}, nil
}

// attempt makes an attempt when the scheduler lets it. It returns no result when it
// does not, and until when.
func (o *orderedLane) attempt(ctx context.Context, e *directory.Endpoint, j *job) (r *result, until time.Time, err error) {
	if e.Disabled && j.delivery.Attempt == 1 {
		o.metrics.notSent.Inc()
		return notSent(j), time.Time{}, nil
	}
	retries, err := o.retriesOf(ctx, e, j.delivery)
	if err != nil {
		return nil, time.Time{}, err
	}
	if e.OrderedPolicy == store.OrderedSkip {
		retries = nil // dead at its first failure
	}
	turn := newTurn(e, j.delivery)
	until, started := o.queue(ctx, turn)
	if !started {
		return nil, until, nil
	}
	var report fair.Report
	defer func() { o.scheduler.Done(&turn.Job, report) }()
	if !o.held() {
		return nil, time.Time{}, errLeave
	}
	o.begin(j)
	a, err := o.deliver(o.life, e, j.delivery) //nolint:contextcheck // ctx ends earlier, when nothing more may begin
	if err == nil {
		err = context.Cause(o.life) //nolint:contextcheck // then it is another worker's to say what became of it
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	o.metrics.observe(j, a)
	o.tell(j.delivery, a)
	r = newResult(j, a, retries)
	report = r.report
	return r, time.Time{}, nil
}

// begin begins the span of an attempt. What the delivery itself carries stays what it
// came with: each further attempt is linked to that.
func (o *orderedLane) begin(j *job) {
	if j.delivery.Trace == "" {
		return
	}
	d := *j.delivery
	if d.Attempt > 1 {
		j.span = o.trace.Resume(d.Trace, j.msg.Subject, trace.OfDelivery(&d))
	} else {
		j.span = o.trace.Receive(d.Trace, j.msg.Subject, j.msg.Stored, trace.OfDelivery(&d))
	}
	if j.span.Traced() {
		d.Trace = j.span.Or("")
		j.delivery = &d
	}
}

// queue returns when the turn has come, or until when it does not.
func (o *orderedLane) queue(ctx context.Context, t *turn) (until time.Time, started bool) {
	if v := o.scheduler.Put(&t.Job); v.Answer != fair.Queued {
		return busyUntil(v), false
	}
	select {
	case v := <-t.came:
		return busyUntil(v), v.Answer == fair.Queued
	case <-ctx.Done():
		o.attempts.Go(func() { // its slot may come yet
			if v := <-t.came; v.Answer == fair.Queued {
				o.scheduler.Done(&t.Job, fair.Report{})
			}
		})
		return time.Time{}, false
	}
}

func busyUntil(v fair.Verdict) time.Time {
	if least := time.Now().Add(retryBusy); v.Until.Before(least) {
		return least
	}
	return v.Until
}

// finish has the result recorded, and handed on if it is dead.
func (o *orderedLane) finish(r *result) error {
	r.told = make(chan error, 1)
	o.results <- r
	return <-r.told
}

// finished acknowledges the first message and its copies.
func (o *orderedLane) finished() {
	o.window.held[0].msg.Ack()
	for _, c := range o.window.done() {
		c.msg.Ack()
	}
}

// turn is an ordered attempt in the eyes of the scheduler.
type turn struct {
	fair.Job
	came chan fair.Verdict
}

func newTurn(e *directory.Endpoint, d *event.Delivery) *turn {
	t := &turn{came: make(chan fair.Verdict, 1)}
	t.Job = fair.Job{
		Target:   targetOf(e),
		Class:    d.Class(),
		Priority: d.Priority,
		Lane:     fair.OfEndpoint,
		Owner:    t,
	}
	return t
}

// Start implements fair.Owner.
func (t *turn) Start() { t.came <- fair.Verdict{} }

// Back implements fair.Owner.
func (t *turn) Back(v fair.Verdict) { t.came <- v }
