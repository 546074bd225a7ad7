package deliver

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// The design's default, which is that of Svix but for the last step.
	defaultSchedule = "5s,5m,30m,2h,5h,10h,10h"

	// jitter spreads attempts that failed together: ±20 %.
	jitter = 0.2

	longestSchedule = 7 * 24 * time.Hour
)

// Schedule is the delays after the failed attempts: the first delay follows the
// first attempt. There is one attempt more than there are delays.
type Schedule []time.Duration

// ParseSchedule reads delays joined by commas, such as 5s,5m,30m; none, or
// nothing, is the schedule without retries. In all it is at most a week.
func ParseSchedule(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "none" {
		return nil, nil
	}
	var s Schedule
	var sum time.Duration
	for part := range strings.SplitSeq(text, ",") {
		delay, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("delay %q is not a duration such as 30s, 5m or 2h", strings.TrimSpace(part))
		}
		if delay <= 0 {
			return nil, fmt.Errorf("delay %s is not above 0", delay)
		}
		sum += delay
		s = append(s, delay)
	}
	if sum > longestSchedule {
		return nil, errors.New("the delays are more than a week in all")
	}
	return s, nil
}

// Next tells how long to wait after the failed attempt with that number, from 1,
// before the next one; false when the failed one was the last. The endpoint's
// own wish (Retry-After) can make the wait longer, up to the longest tier of the
// retry wheel. random is from [0, 1) and decides the jitter.
func (s Schedule) Next(attempt int, o Outcome, wish time.Duration, random float64) (time.Duration, bool) {
	if o.Final() || attempt > len(s) {
		return 0, false
	}
	delay := time.Duration(float64(s[attempt-1]) * (1 + jitter*(2*random-1)))
	return max(delay, min(wish, event.LongestTier())), true
}

// retryAfter reads the header of that name (RFC 9110 §10.2.3): seconds, also
// with a fraction, which is rounded up, or a date. Anything else is no wish.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) { // not a number is not above 0 either
			return 0
		}
		return time.Duration(math.Ceil(min(seconds, event.LongestTier().Seconds()))) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
