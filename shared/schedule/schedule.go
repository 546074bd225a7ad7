// Package schedule says when a failed delivery is tried again. It is pure: no
// clock, no chance, no state.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// jitter spreads attempts that failed together: ±20 %.
	jitter = 0.2

	longest = 7 * 24 * time.Hour

	// maxDelays keeps a schedule from being a flood: a week at a minute's pace
	// would be ten thousand attempts for each event.
	maxDelays = 50

	// minDelay is the retry wheel's own precision.
	minDelay = time.Millisecond
)

// Schedule is the delays after the failed attempts: the first delay follows the
// first attempt. There is one attempt more than there are delays.
type Schedule []time.Duration

// Parse reads delays joined by commas, such as 5s,5m,30m; none, or nothing, is
// the schedule without retries.
func Parse(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "none" {
		return nil, nil
	}
	return New(strings.Split(text, ","))
}

// New reads a list of delays, each a Go duration such as 30s, 5m or 2h, of at
// most a week in all. No delay is the schedule without retries.
func New(delays []string) (Schedule, error) {
	if len(delays) > maxDelays {
		return nil, fmt.Errorf("there are %d delays, more than %d", len(delays), maxDelays)
	}
	s := make(Schedule, 0, len(delays))
	var sum time.Duration
	for _, text := range delays {
		text = strings.TrimSpace(text)
		delay, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("delay %q is not a duration such as 30s, 5m or 2h", text)
		}
		if delay < minDelay {
			return nil, fmt.Errorf("delay %s is shorter than %s", delay, minDelay)
		}
		if sum += delay; delay > longest || sum > longest {
			return nil, errors.New("the delays are more than a week in all")
		}
		s = append(s, delay)
	}
	return s, nil
}

// Delays is the schedule as New reads it; nil of nil.
func (s Schedule) Delays() []string {
	if s == nil {
		return nil
	}
	delays := make([]string, len(s))
	for i, delay := range s {
		delays[i] = short(delay)
	}
	return delays
}

// short writes a duration without the zeros that nobody would write: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Next tells how long to wait after the failed attempt with that number, from 1,
// before the next one; false when the failed one was the last. The endpoint's
// own wish (Retry-After) can make the wait longer, up to the longest tier of the
// retry wheel. random is from [0, 1) and decides the jitter.
func (s Schedule) Next(attempt int, wish time.Duration, random float64) (time.Duration, bool) {
	if attempt > len(s) {
		return 0, false
	}
	delay := time.Duration(float64(s[attempt-1]) * (1 + jitter*(2*random-1)))
	return max(delay, min(wish, event.LongestTier())), true
}
