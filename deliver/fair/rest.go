package fair

import "time"

const (
	firstRest   = 100 * time.Millisecond
	longestRest = 10 * time.Second

	// longestWish is how long an endpoint may wish to be left alone. One that asks
	// for a day is asked again after an hour.
	longestWish = time.Hour

	// The failures of a run that a rest follows: that one, and all after it. The
	// rest is twice as long with every so many more. So a hundred events that fail
	// once lose half a second, and ten seconds of failures are some 700 attempts.
	pacedFrom   = 10
	pacedBy     = 200
	firstPace   = 5 * time.Millisecond
	longestPace = time.Second

	// shortRest is a rest that jobs wait for in memory: those of the endpoint's own
	// lane all, and others as long as fewer than restLine wait, or they would take
	// the places of the tenant's other endpoints.
	shortRest = time.Second
	restLine  = 4
)

// rest is the time for which an endpoint is left alone: because it had too much to
// do, or because nothing but failures has come from it, which would go through all
// that waits for it before its breaker opens.
type rest struct {
	until time.Time
	asked time.Time     // the same without the rests of a run
	grew  time.Time     // when last was set
	last  time.Duration // of the rests because it had too much to do; 0 after a success
	run   int           // failures since the last success
}

// learn begins a rest if the report of an attempt begun then asks for one. Where no
// breaker ends a run of failures, nor do rests slow it down.
func (r *rest) learn(now, began time.Time, report Report, paced bool) {
	asked := min(report.RetryAfter, longestWish)
	switch report.Result {
	case None:
		return
	case Success:
		if !began.Before(r.grew) {
			r.last = 0
		}
		r.run, r.until = 0, r.asked
		return
	case Throttled:
		r.grow(now, began)
		asked = max(asked, r.last)
	case Failure:
	}
	r.run++
	r.asked = later(r.asked, now.Add(asked))
	r.until = r.asked
	if paced {
		r.until = later(r.asked, now.Add(pace(r.run)))
	}
}

// grow makes the rests of an endpoint that has too much to do longer. What was in
// flight before the last one says nothing new.
func (r *rest) grow(now, began time.Time) {
	switch {
	case r.last == 0:
		r.last, r.grew = firstRest, now
	case !began.Before(r.grew):
		r.last, r.grew = min(2*r.last, longestRest), now
	}
}

// pace is the rest after a run of so many failures.
func pace(run int) time.Duration {
	if run < pacedFrom {
		return 0
	}
	return min(firstPace<<min((run-pacedFrom)/pacedBy, 10), longestPace)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
