package deliver

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/group"
	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

const (
	recorders    = 2
	recordsGroup = 256

	// recordEvery is how often each recorder commits. Nobody waits for a record but
	// ordered lanes, and attempts that were made and not recorded are made again after
	// a crash: a fiftieth of a second is little of that. Without it 5,000 attempts a
	// second were 850 commits, which those of ingest had to stand in line with
	// (measured: with it the p99 of accepting beside them fell from 20 to 13 ms).
	recordEvery = 20 * time.Millisecond

	recordRetry   = 500 * time.Millisecond
	recordTimeout = 10 * time.Second

	// handOvers is how many groups may wait for a stream that is full or away. With
	// more the recorders wait too, and then everything does.
	handOvers = 8
)

// finisher does what follows an attempt, in groups: record it, take note of who has
// answered a challenge, disable endpoints that have failed enough, hand the delivery
// on, acknowledge. In this order a
// crash between any two can only repeat a step, never lose one.
type finisher struct {
	bus     *bus.Bus
	store   *store.Store
	log     zerolog.Logger
	metrics *metrics
	trace   *trace.Tracer

	disableAfter time.Duration // of nothing but failures; 0: never
	standing     *standing

	handOvers *semaphore.Weighted // groups that wait for a stream
	handing   sync.WaitGroup
}

func newFinisher(env service.Env, m *metrics, disableAfter time.Duration) *finisher {
	return &finisher{
		bus: env.Bus, store: env.Store, log: env.Log, metrics: m, trace: env.Trace, disableAfter: disableAfter,
		handOvers: semaphore.NewWeighted(handOvers),
	}
}

// result is a job whose attempt was made, now or by a worker that died.
type result struct {
	job      *job
	attempt  store.Attempt
	report   fair.Report // of an attempt that was made now
	recorded bool        // or there is nothing to record
	found    bool        // made by the worker that died
	debt     *debt       // until it is recorded
	span     trace.Span  // of its being handed on

	// told is told when the result is finished, or why it is not, by whoever wants to
	// see to the message himself. Then a next attempt is his affair too.
	told chan error
}

// urgent reports whether somebody waits for the result to be finished.
func (r *result) urgent() bool { return r.told != nil }

// newResult plans what follows the attempt.
func newResult(j *job, a *attempt, retries schedule.Schedule) *result {
	d := j.delivery
	r := &result{job: j, report: a.report(), attempt: store.Attempt{
		ID:         a.id,
		Tenant:     d.Tenant,
		Event:      d.Event,
		Endpoint:   d.Endpoint,
		Run:        d.Run,
		Number:     d.Attempt,
		Outcome:    string(a.outcome),
		StatusCode: a.status,
		Duration:   a.duration,
		URL:        a.url,
		Response:   a.response,
		Lane:       j.source.name,
		QueuedAt:   j.msg.Stored,
		Failing:    a.failing(),
		Headers:    a.kept,
	}}
	if a.outcome.Final() {
		return r
	}
	if wait, again := retries.Next(d.Attempt, a.wish, rand.Float64()); again { //nolint:gosec // jitter
		r.attempt.NextAt = a.began.Add(a.duration + wait)
	}
	return r
}

// finish finishes a group. What cannot be finished now is tried again until ctx
// ends, and then given back. What a stream does not take is nobody else's affair: up
// to a number of groups it is waited for aside.
func (f *finisher) finish(ctx context.Context, results []*result) {
	began := time.Now()
	defer func() { f.metrics.batches.Observe(time.Since(began).Seconds()) }()
	f.metrics.records.Observe(float64(len(results)))
	err := persist(ctx, f, results, f.record)
	for _, r := range results {
		r.debt.settle()
	}
	if err == nil {
		err = persist(ctx, f, results, f.verify)
	}
	if err == nil {
		err = persist(ctx, f, results, f.disable)
	}
	if err != nil {
		f.end(results, err)
		return
	}
	done, rest, messages := f.split(results)
	f.end(done, nil)
	if len(rest) == 0 {
		return
	}
	if err := f.handOvers.Acquire(ctx, 1); err != nil {
		f.end(rest, err)
		return
	}
	f.handing.Go(func() {
		defer f.handOvers.Release(1)
		f.end(rest, f.insist(ctx, messages))
	})
}

// insist publishes the messages until all are stored or ctx ends.
func (f *finisher) insist(ctx context.Context, messages []bus.Message) error {
	return f.bus.Insist(ctx, func(err error) {
		f.log.Warn().Err(err).Int("deliveries", len(messages)).Msg("deliveries wait for their stream")
	}, messages...)
}

// split tells those results that have nothing to hand on from the others, with the
// message of each of these. One of which no message can be made is rejected.
func (f *finisher) split(results []*result) (done, rest []*result, messages []bus.Message) {
	for _, r := range results {
		var m bus.Message
		var ok bool
		var err error
		if panicked := bus.Try(func() { m, ok, err = r.next(f.trace) }); panicked != nil {
			err = panicked
		}
		switch {
		case err != nil && r.told != nil:
			r.told <- err
		case err != nil:
			r.job.reject(err)
		case ok:
			rest, messages = append(rest, r), append(messages, m)
		default:
			done = append(done, r)
		}
	}
	return done, rest, messages
}

// end acknowledges the messages of results, or gives them back with the error.
func (f *finisher) end(results []*result, err error) {
	for _, r := range results {
		r.span.End(trace.Failed(err, "unpublished"))
		switch {
		case r.told != nil:
			r.told <- err
		case err != nil:
			r.job.giveBack(0, true)
		default:
			r.job.ack()
		}
	}
	if err != nil {
		f.metrics.returned.Add(float64(len(results)))
		f.log.Warn().Err(err).Int("deliveries", len(results)).Msg("attempts were made but not finished; they are looked up when they come again")
	}
}

// persist does a step until it succeeds or ctx ends. Meanwhile results pile up
// to the bound of their channel, then slots stay taken, then lanes stand still:
// a database that is away slows this worker down and costs it nothing else.
func persist[T any](ctx context.Context, f *finisher, group []T, step func(context.Context, []T) error) error {
	said := ""
	for {
		attempt, cancel := context.WithTimeout(ctx, recordTimeout)
		err := step(attempt, group)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err.Error() != said {
			said = err.Error()
			f.log.Warn().Err(err).Int("deliveries", len(group)).Msg("deliveries cannot be finished; trying again")
		}
		select {
		case <-time.After(recordRetry):
		case <-ctx.Done():
			return err
		}
	}
}

func (f *finisher) record(ctx context.Context, results []*result) error {
	fresh := make([]*result, 0, len(results))
	for _, r := range results {
		if !r.recorded {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	var failed error
	insert := func(part []*result) error {
		attempts := make([]store.Attempt, len(part))
		for i, r := range part {
			attempts[i] = r.attempt
		}
		err := f.store.RecordAttempts(ctx, attempts)
		for i, r := range part {
			r.attempt.FailingSince = attempts[i].FailingSince
		}
		return err
	}
	group.Isolate(fresh, store.Bad, insert, func(r *result, err error) {
		switch {
		case err == nil:
			r.recorded = true
		case store.Bad(err): // a fault of ours; the delivery must not suffer from it
			about := service.FieldsOf(r.job.delivery)
			about.Attempt = r.attempt.ID
			f.log.Error().Err(err).EmbedObject(about).Msg("attempt cannot be recorded")
		default:
			failed = err
		}
	})
	return failed
}

// next is the message that hands the delivery on, if it goes anywhere.
func (r *result) next(t *trace.Tracer) (bus.Message, bool, error) {
	if Outcome(r.attempt.Outcome) == Success {
		return bus.Message{}, false, nil
	}
	d := *r.job.delivery
	if r.attempt.NextAt.IsZero() {
		if d.Reason = r.attempt.Outcome; d.Reason == event.ReasonDisabled {
			d = d.NotSent()
			d.Deferrals++ // when it is redriven it is no copy of what was on its way now
		}
		m, err := r.handOn(t, &d, d.DLQSubject())
		return m, true, err
	}
	if r.told != nil {
		return bus.Message{}, false, nil
	}
	// A repeated hand-over may come after the stream has forgotten the first.
	d.Recheck = r.found || r.job.msg.Again()
	d.Attempt, d.Deferrals, d.Round = d.Attempt+1, 0, 0
	d.Due = r.attempt.NextAt
	m, err := r.handOn(t, &d, event.TierFor(time.Until(d.Due)).Subject())
	return m, true, err
}

// handOn makes the delivery a message.
func (r *result) handOn(t *trace.Tracer, d *event.Delivery, subject string) (bus.Message, error) {
	r.span = t.Send(d.Trace, subject, trace.OfDelivery(d))
	d.Trace = r.span.Or(d.Trace)
	data, err := d.Encode()
	return bus.Message{Subject: subject, Tenant: d.Tenant, ID: d.Key(), Data: data}, err
}

// made finds the attempt of a job that may have been made already: it came
// before, or may have. It returns nil when it was not.
func (f *finisher) made(ctx context.Context, j *job) (*result, error) {
	if !j.msg.Again() && !j.delivery.Recheck && !j.delivery.IsLate(time.Now()) {
		return nil, nil //nolint:nilnil // the usual case: nothing to look up
	}
	a, err := f.store.MadeAttempt(ctx, j.delivery)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // it was not made
	}
	if err != nil {
		return nil, err
	}
	return &result{job: j, attempt: *a, recorded: true, found: true}, nil
}
