package deliver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

const (
	// pulled together from a lane: a standing request of this size costs half
	// the latency and a quarter less CPU than signals (measured).
	pullBatch = 32

	// The shards of a lane share that, so that they do not fill the memory; but each
	// pulls so many.
	leastBatch = 8

	// How long a delivery waits that could not be looked into.
	retryLookup = 2 * time.Second

	// How long a copy waits of a delivery that is in flight.
	retryInFlight = 2 * time.Second
)

// worker takes deliveries from the lanes and makes their attempts.
type worker struct {
	directory *directory.Directory
	store     *store.Store
	log       zerolog.Logger
	metrics   *metrics
	scheduler *fair.Scheduler
	caller    *caller
	keep      keeping
	retries   schedule.Schedule // where nothing more specific says another
	finisher  *finisher

	bus    *bus.Bus
	buffer *buffer
	trace  *trace.Tracer

	standing *standing

	flights    flights
	unrecorded *unrecorded

	start func(*job)               // begins the attempt of a job, and does not wait
	back  func(*job, fair.Verdict) // refuses a job that was queued, and does not wait

	attempts sync.WaitGroup
	results  chan *result
	moves    chan *move
}

// attempt makes the attempt of a job that the scheduler has started, and passes
// its result on.
func (w *worker) attempt(ctx context.Context, j *job) {
	var report fair.Report
	if j.inFlight = w.flights.begin(j.delivery); !j.inFlight {
		j.giveBack(retryInFlight, false) // a copy of what is in flight is looked up when that is recorded
		w.scheduler.Done(&j.Job, report)
		return
	}
	var r *result
	var err error
	if panicked := bus.Try(func() { r, err = w.try(ctx, j) }); panicked != nil {
		err = panicked
	}
	var elsewhere *elsewhere
	var panicked *bus.PanicError
	switch {
	case errors.As(err, &panicked):
		w.reject(j, err)
	case errors.As(err, &elsewhere):
		defer w.move(ctx, j, elsewhere.lane)
	case errors.Is(err, errMustWait):
		j.giveBack(0, false)
	case err != nil:
		w.comesAgain(j, err)
	case r == nil:
		j.ack()
	default:
		report = r.report
		w.results <- r // may wait for the database; the slot stays taken meanwhile
	}
	w.scheduler.Done(&j.Job, report)
}

// errMustWait is why a job goes back to its own lane: that is another worker's by
// now, or its endpoint was paused a moment ago.
var errMustWait = errors.New("the delivery must wait in its lane")

// elsewhere is why a job goes to another lane.
type elsewhere struct{ lane event.OwnLane }

// Error implements error.
func (e *elsewhere) Error() string { return "the delivery belongs in lane " + e.lane.Subject() }

// try returns the result of the attempt; nil when there is nothing to deliver to
// any more. An error means that it could not even be begun.
func (w *worker) try(ctx context.Context, j *job) (*result, error) {
	if !j.source.held() {
		return nil, errMustWait
	}
	if r, err := w.finisher.made(ctx, j); r != nil || err != nil {
		return r, err
	}
	d := j.delivery
	endpoint, err := w.directory.Endpoint(ctx, d.Tenant, d.Endpoint, d.Version)
	if errors.Is(err, directory.ErrUnknown) {
		return nil, nil //nolint:nilnil // deleted, and its deliveries with it
	}
	if err != nil {
		return nil, err
	}
	if endpoint.Disabled && d.Attempt == 1 {
		w.metrics.notSent.Inc()
		return notSent(j), nil
	}
	if err := j.mayGo(endpoint); err != nil {
		return nil, err
	}
	retries, err := w.retriesOf(ctx, endpoint, d)
	if err != nil {
		return nil, err
	}
	debt, err := w.unrecorded.begin(ctx)
	if err != nil {
		return nil, err
	}
	a, err := w.deliver(ctx, endpoint, d)
	if err != nil {
		debt.settle()
		return nil, err
	}
	w.metrics.observe(j, a)
	w.tell(d, a)
	r := newResult(j, a, retries)
	r.debt = debt
	debt.made() // last: whoever panics before leaves a debt that settles itself
	return r, nil
}

// tell tells of an attempt those who follow how endpoints are doing, and those who
// follow every delivery.
func (w *worker) tell(d *event.Delivery, a *attempt) {
	w.standing.attempted(d, a)
	if service.Follows(&w.log) {
		fields := service.FieldsOf(d)
		fields.Attempt = a.id
		w.log.Debug().EmbedObject(fields).Str("outcome", string(a.outcome)).Int("status", a.status).Dur("took", a.duration).Msg("attempt")
	}
}

// mayGo returns why the attempt is not to be made here and now: the directory says
// something else than when the job was put in line.
func (j *job) mayGo(e *directory.Endpoint) error {
	to := j.source.elsewhere(e, j.delivery)
	switch {
	case !to.IsZero():
		return &elsewhere{to}
	case (e.Paused || e.Ordered) && !e.Disabled && !e.Asks(j.delivery):
		return errMustWait
	default:
		return nil
	}
}

// retriesOf is the most specific schedule that there is: the endpoint's, the event
// type's, the application's, or else the installation's. A challenge has none: who
// wants to ask again does so.
func (w *worker) retriesOf(ctx context.Context, e *directory.Endpoint, d *event.Delivery) (schedule.Schedule, error) {
	switch {
	case e.Asks(d):
		return nil, nil
	case e.RetrySchedule != nil:
		return e.RetrySchedule, nil
	}
	ofType, err := w.directory.RetrySchedule(ctx, d.Type)
	switch {
	case err != nil:
		return nil, err
	case ofType != nil:
		return ofType, nil
	case e.Tenant.RetrySchedule != nil:
		return e.Tenant.RetrySchedule, nil
	default:
		return w.retries, nil
	}
}

func (w *worker) deliver(ctx context.Context, e *directory.Endpoint, d *event.Delivery) (*attempt, error) {
	if e.Disabled {
		return w.noAttempt(e, Disabled), nil
	}
	if !d.Expires.IsZero() && !time.Now().Before(d.Expires) {
		return w.noAttempt(e, Expired), nil
	}
	payload := d.Payload
	if d.Referred {
		var err error
		payload, err = w.store.Payload(ctx, d.Tenant, d.Event)
		if errors.Is(err, store.ErrNotFound) {
			return w.noAttempt(e, Expired), nil
		}
		if err != nil {
			return nil, err
		}
	}
	with, err := e.Open()
	if err != nil {
		return nil, err // perhaps of a key that this process will be given
	}
	a := w.caller.call(ctx, e, with, d, payload)
	if e.Asks(d) {
		a.judge(with, payload)
	}
	if w.keep.wants(a.outcome) {
		a.kept = a.headers(with.Headers)
	}
	return &a, nil
}

// noAttempt is what is recorded when there was no use in calling.
func (*worker) noAttempt(e *directory.Endpoint, o Outcome) *attempt {
	return &attempt{id: event.NewID(), began: time.Now(), outcome: o, response: []byte(o.explain()), url: e.URL}
}
