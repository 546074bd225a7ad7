// Package sender loads a webhook server, of any make that package target knows, and
// finds out from the receiver (package receiver) what became of what it sent. It
// makes its own applications and endpoints, and removes them when all went well.
package sender

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/bench/target"
)

const (
	minSize  = 64
	maxSize  = 1 << 20
	maxSpan  = 24 * time.Hour
	maxBatch = 1000
	maxTries = 20
	maxFleet = 100_000 // endpoints, of which a receiver keeps as many
)

// Config says what to send, and where.
type Config struct {
	API   string // the server's make, one of target.Kinds; empty is target.Svix
	URL   string // of the server's API: of Svix's without /api/v1
	Token string // of an operator, where the make has such
	Sink  string // URL of a receiver, on this machine, that the server can reach

	Tenants   int // applications
	Endpoints int // of each application; each gets every event. 0: nothing is delivered

	// Targets are applications that are there already, to be used instead of new
	// ones. Of their endpoints, the receiver must know the secrets and count under
	// Class.
	Targets []Target

	// Profile says when who gets an event, and how large it is; Tenants, Endpoints,
	// Rate, Events, Batch and Size say nothing then. It comes by the clock. Of the
	// endpoints that are made for it, those that are ill are not waited for.
	Profile *profile.Profile

	// Rate is events per second by the clock (open loop): latencies count from
	// when an event was to be sent, so a server that makes its senders wait can't
	// hide it. Zero is a closed loop: every sender sends as fast as it is answered.
	Rate float64

	// Senders is how many requests may be under way at once.
	Senders int

	Duration time.Duration // of the sending, at most
	Events   int64         // how many to send, at most; 0 is what the duration allows
	Batch    int           // events of each request, all to one application; 0 and 1 post them one by one
	Drain    time.Duration // the longest wait for the rest to arrive
	Settle   time.Duration // the wait for duplicates after everything has arrived

	Size        int    // of a payload, in bytes
	Class       string // under which the receiver counts; empty is one of its own
	Idempotency bool   // send idempotency keys, and with them try again, as client libraries do
	Tries       int    // how often a request is made then, at most; 0 is 3
	Keep        bool   // leave the applications there

	// Accepted is called for each event that was accepted, concurrently. Nil is
	// nobody.
	Accepted func(Acceptance) `json:"-"`

	// Answered is called for each request that was made, concurrently. Nil is
	// nobody.
	Answered func(Answer) `json:"-"`
}

// largest is how large a payload may get.
func (c Config) largest() int {
	if c.Profile != nil {
		return profile.MostSize
	}
	return c.Size
}

// kind is the make of the server.
func (c Config) kind() (k target.Kind, known bool) {
	k, known = target.Kinds()[cmp.Or(c.API, target.Svix)]
	return k, known
}

// Acceptance is an event that was accepted.
type Acceptance struct {
	ID      string // of its message, or the number in its payload (target.Kind.Numbered)
	App     string // that it was posted to
	Payload []byte
	At      time.Time // when the answer came
}

// Answer is what became of a request.
type Answer struct {
	At         time.Time // when it was made
	Took       time.Duration
	Status     int    // 0 without an answer
	RetryAfter string // the header
}

// Target is an application.
type Target struct {
	App    string   // its id
	Paths  []string // of the endpoints, at the receiver, where each of its events is to arrive
	Ill    []string // of others, where it need not
	Number int      // in the profile, if there is one
}

// Default is a load that any machine stands.
func Default() Config {
	return Config{
		URL:         "http://127.0.0.1:8071",
		Sink:        "http://127.0.0.1:8099",
		Tenants:     10,
		Endpoints:   1,
		Rate:        50,
		Senders:     64,
		Duration:    15 * time.Second,
		Drain:       time.Minute,
		Settle:      time.Second,
		Size:        1024,
		Idempotency: true,
	}
}

// Validate returns all that is wrong, joined.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(isHTTP(c.URL), "url %q is not an http(s) URL", c.URL)
	check(isHTTP(c.Sink), "sink %q is not an http(s) URL", c.Sink)
	check(c.Tenants > 0 && c.Endpoints >= 0 && c.Tenants <= maxFleet/max(c.Endpoints, 1),
		"tenants must be positive and endpoints not negative, and %d of either in all at most", maxFleet)
	check(c.Rate >= 0 && c.Rate <= 1e6, "rate must be between 0 and 1,000,000")
	check(c.Batch >= 0 && c.Batch <= maxBatch, "batch must be between 0 and %d", maxBatch)
	check(c.Events >= 0 && c.Events%int64(max(c.Batch, 1)) == 0, "events must not be negative, and be so many batches")
	check(len(c.Targets) == 0 || c.Class != "", "class is missing: targets have endpoints that count under one")
	check(c.Tries >= 0 && c.Tries <= maxTries, "tries must be between 0 and %d", maxTries)
	check(c.Senders > 0 && c.Senders <= 10_000, "senders must be between 1 and 10,000")
	check(c.Duration > 0 && c.Duration <= maxSpan, "duration must be positive and at most %s", maxSpan)
	check(c.Drain >= 0 && c.Drain <= maxSpan, "drain must be at most %s", maxSpan)
	check(c.Settle >= 0 && c.Settle <= time.Hour, "settle must be at most an hour")
	check(c.Size >= minSize && c.Size <= maxSize, "size must be between %d and %d bytes", minSize, maxSize)
	return errors.Join(append(faults, c.validateKind(), c.validateProfile())...)
}

func (c Config) validateKind() error {
	kind, known := c.kind()
	switch {
	case !known:
		return fmt.Errorf("api %q is none of %s", c.API, strings.Join(target.Names(), ", "))
	case c.Token == "" && !kind.Tokenless:
		return errors.New("token is missing")
	case c.Batch > 1 && !kind.Batches:
		return fmt.Errorf("batch must be 0 or 1 with %s", c.API)
	default:
		return nil
	}
}

func (c Config) validateProfile() error {
	switch {
	case c.Profile == nil:
		return nil
	case c.Batch > 1:
		return errors.New("batch must be 0 or 1 with a profile")
	}
	if err := c.Profile.Validate(); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}

func isHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
