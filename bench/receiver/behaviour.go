package receiver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxWait bounds being slow and not answering.
const maxWait = 5 * time.Minute

const everyAttempt = 1 << 30

// behaviour is what an endpoint does besides receiving. It is written as a URL
// query, in that of the endpoint itself or given to the control API:
//
//	fail=2|all      the first attempts of each event that go wrong; without
//	                status or hang they get a 500
//	fail_rate=0.1   the share of attempts that go wrong besides, at random
//	fail_events=0.5 the share of events of which every attempt goes wrong
//	status=503      what an attempt that goes wrong is answered; when nothing says
//	                which do, all of them
//	retry_after=30  the Retry-After header of such an answer
//	hang=1          an attempt that goes wrong is not answered at all
//	delay=2s        how long every attempt waits first
//	id=number       an event is known by the number in its payload and not by its
//	                webhook-id: for senders that have no such header
//	class=quiet     under which name it is counted; without it, that of the path
type behaviour struct {
	class      string
	numbered   bool
	failures   int
	failRate   float64
	failEvents float64
	status     int
	retryAfter string
	hang       bool
	delay      time.Duration
}

func parseBehaviour(query string) (behaviour, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return behaviour{}, fmt.Errorf("parse query: %w", err)
	}
	b := behaviour{
		class:      values.Get("class"),
		numbered:   values.Get("id") == "number",
		status:     http.StatusInternalServerError,
		retryAfter: values.Get("retry_after"),
		hang:       values.Has("hang") && values.Get("hang") != "0",
	}
	if (b.hang || values.Has("status")) && !values.Has("fail_rate") && !values.Has("fail_events") {
		b.failures = everyAttempt
	}
	return b, errors.Join(
		parseFailures(values.Get("fail"), &b.failures),
		parseShare("fail_rate", values, &b.failRate),
		parseShare("fail_events", values, &b.failEvents),
		parseStatus(values.Get("status"), &b.status),
		parseDelay(values.Get("delay"), &b.delay),
	)
}

// Each of these leaves alone what nothing is said about.

func parseFailures(text string, failures *int) error {
	switch n, err := strconv.Atoi(text); {
	case text == "":
	case text == "all":
		*failures = everyAttempt
	case err != nil || n < 0:
		return fmt.Errorf("parse fail=%s: want a number or all", text)
	default:
		*failures = n
	}
	return nil
}

func parseShare(name string, values url.Values, share *float64) error {
	text := values.Get(name)
	if text == "" {
		return nil
	}
	given, err := strconv.ParseFloat(text, 64)
	if err != nil || !(given >= 0 && given <= 1) {
		return fmt.Errorf("parse %s=%s: want 0 to 1", name, text)
	}
	*share = given
	return nil
}

func parseStatus(text string, status *int) error {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 200 || n > 599 {
		return fmt.Errorf("parse status=%s: want 200 to 599", text)
	}
	*status = n
	return nil
}

func parseDelay(text string, delay *time.Duration) error {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxWait {
		return fmt.Errorf("parse delay=%s: want a duration up to %s", text, maxWait)
	}
	*delay = d
	return nil
}

// reaction is what one attempt meets.
type reaction struct {
	wait   time.Duration // before the answer
	status int           // of the answer; noAnswer is none, however long it waits
}

// react decides about an attempt, by its number and the Fingerprint of what is
// delivered.
func (b behaviour) react(attempt int, key uint64) reaction {
	fails := attempt <= b.failures || doomed(key, b.failEvents) || b.failRate > 0 && rand.Float64() < b.failRate
	switch {
	case fails && b.hang:
		return reaction{maxWait, noAnswer}
	case fails:
		return reaction{b.delay, b.status}
	default:
		return reaction{b.delay, http.StatusOK}
	}
}

// doomed picks a share of all deliveries, always the same ones.
func doomed(key uint64, share float64) bool {
	key = (key ^ key>>33) * 0xff51afd7ed558ccd // neighbours are to be far apart
	return float64(key>>11)/(1<<53) < share
}
