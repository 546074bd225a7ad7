package fair

import "time"

const (
	firstRest   = 100 * time.Millisecond
	longestRest = 10 * time.Second

	// longestWish is how long an endpoint may wish to be left alone. One that asks
	// for a day is asked again after an hour.
	longestWish = time.Hour

	// shortRest is a rest that jobs of the endpoint's own lane wait for in memory.
	shortRest = time.Second
)

// rest is the time for which an endpoint is left alone because it had too much to
// do. While that goes on, each rest is twice as long as the one before.
type rest struct {
	until time.Time
	grew  time.Time     // when length was set
	last  time.Duration // of the rests; 0 after a success
}

// learn begins a rest if the report of an attempt begun then asks for one.
func (r *rest) learn(now, began time.Time, report Report) {
	var wait time.Duration
	switch {
	case report.Result == None:
		return
	case report.Result == Success:
		if !began.Before(r.grew) {
			r.last = 0
		}
		return
	case report.Result == Throttled && r.last == 0:
		r.last, r.grew = firstRest, now
	case report.Result == Throttled && !began.Before(r.grew): // what was in flight before says nothing new
		r.last, r.grew = min(2*r.last, longestRest), now
	}
	if report.Result == Throttled {
		wait = r.last
	}
	wait = max(wait, min(report.RetryAfter, longestWish))
	if until := now.Add(wait); until.After(r.until) {
		r.until = until
	}
}
