package fair

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/postrider/postrider/shared/event"
)

const (
	// A breaker opens after a run of failures: that many, which weigh that much
	// together, where a failure weighs what it took, at least a second.
	runLength   = 5
	runWeight   = 20 * time.Second
	leastWeight = time.Second

	firstOpen   = 5 * time.Second // each failed probe doubles it
	longestOpen = 2 * time.Minute

	// recordedWithin is how long it may take until the directory knows what was
	// told of a breaker.
	recordedWithin = 10 * time.Second
)

var (
	errFailed = errors.New("attempt failed")
	errNone   = errors.New("no attempt was made")
)

// BreakerState is what became of a breaker.
type BreakerState uint8

// What can become of a breaker.
const (
	BreakerOpened BreakerState = iota // nothing is sent but probes
	ProbeFailed                       // it stays open, for longer
	BreakerClosed                     // a probe was taken
)

// BreakerChange tells of a breaker that has opened, stays open, or has closed.
type BreakerChange struct {
	Tenant, Endpoint event.ID
	State            BreakerState
	Broken           // the opening that it is about
}

// breaker is the circuit breaker of an endpoint. Its zero value is closed.
type breaker struct {
	gate *gobreaker.TwoStepCircuitBreaker[struct{}] // nil: closed, and nothing has failed since

	length int // the run of failures so far
	weight time.Duration
	began  time.Time

	open     Broken      // the opening; zero: closed
	recorded bool        // the directory knows of it
	probe    *Job        // in flight
	report   func(error) // how it went
	ended    time.Time   // when the last opening ended
}

func (b *breaker) isOpen() bool { return !b.open.Since.IsZero() }

// newGate returns a breaker that opens after a failure when trip says so, for as
// long as wait. Its time is fixed, so each opening has one of its own.
func newGate(wait time.Duration, trip func() bool) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     max(wait-time.Millisecond, 1), // it looks at the clock a little later than we do
		ReadyToTrip: func(gobreaker.Counts) bool { return trip() },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNone) },
	})
}

// count tells the gate of an attempt that needed no leave.
func (b *breaker) count(err error) {
	if done, refused := b.gate.Allow(); refused == nil {
		done(err)
	}
}

// openAs opens the breaker.
func (b *breaker) openAs(o Broken, now time.Time) {
	b.gate = newGate(o.Probe.Sub(now), func() bool { return true })
	b.count(errFailed)
	b.open, b.probe, b.report = o, nil, nil
}

// close closes the breaker, and nothing that was before counts any more.
func (b *breaker) close(now time.Time) { *b = breaker{ended: now} }

// ready reports whether something may start: a single probe, while it is open.
func (b *breaker) ready(now time.Time) bool {
	return !b.isOpen() || b.probe == nil && !now.Before(b.open.Probe) && b.gate.State() == gobreaker.StateHalfOpen
}

// start takes note of a job that starts.
func (b *breaker) start(j *Job) {
	if !b.isOpen() {
		return
	}
	if done, err := b.gate.Allow(); err == nil {
		b.probe, b.report = j, done
	}
}

// hear compares it with what the directory says, and reports whether that has
// opened or closed it.
func (b *breaker) hear(o Broken, now time.Time) bool {
	known := o.Since.After(b.ended) // or else it is the opening before that has not been struck off yet
	switch {
	case b.isOpen() && known:
		b.recorded = true
	case b.isOpen() && (b.recorded || now.Sub(b.open.Since) > recordedWithin):
		b.close(now)
		return true
	case !b.isOpen() && known:
		b.openAs(o, now)
		b.recorded = true
		return true
	}
	return false
}

// learn draws conclusions from an attempt that has ended, and returns what they
// are, if any. The breaker opens after nothing but failures for as long as after;
// 0: never.
func (b *breaker) learn(j *Job, r Report, now time.Time, after time.Duration) (BreakerState, Broken, bool) {
	switch {
	case b.isOpen() && b.probe == j:
		return b.probed(r.Result, now)
	case b.isOpen(), r.Result == None: // what was in flight when it opened says nothing new
	case r.Result == Success:
		b.gate, b.length, b.weight = nil, 0, 0
	default:
		return b.failed(r, now, after)
	}
	return 0, Broken{}, false
}

func (b *breaker) failed(r Report, now time.Time, after time.Duration) (BreakerState, Broken, bool) {
	if b.gate == nil {
		b.began = now
		b.gate = newGate(firstOpen, func() bool {
			return after > 0 && b.length >= runLength && b.weight >= runWeight && time.Since(b.began) >= after
		})
	}
	b.length++
	b.weight += max(r.Took, leastWeight)
	b.count(errFailed)
	if b.gate.State() != gobreaker.StateOpen {
		return 0, Broken{}, false
	}
	b.open = Broken{Since: now.Truncate(time.Microsecond), Probe: now.Add(firstOpen)} // as precise as the record
	b.recorded = false
	return BreakerOpened, b.open, true
}

func (b *breaker) probed(r Result, now time.Time) (BreakerState, Broken, bool) {
	report := b.report
	b.probe, b.report = nil, nil
	o := b.open
	switch r {
	case None:
		report(errNone)
		return 0, Broken{}, false
	case Success:
		report(nil)
		b.close(now)
		return BreakerClosed, o, true
	default:
		report(errFailed)
		o.Failed++
		o.Probe = now.Add(min(firstOpen<<min(o.Failed, 10), longestOpen))
		b.openAs(o, now)
		return ProbeFailed, o, true
	}
}
