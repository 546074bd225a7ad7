package deliver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/postrider/postrider/deliver/account"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

// keptResponse is how much of an answer's body is kept with the attempt; more is
// not read.
const keptResponse = 20_000

var errAttemptTimeout = errors.New("attempt timeout")

// attempt is one HTTP call: when it began, how it ended, what was answered.
type attempt struct {
	id       event.ID // made when it began
	began    time.Time
	duration time.Duration
	outcome  Outcome
	status   int    // 0: there was no answer
	response []byte // the answer's body, or what went wrong
	wish     time.Duration
	url      string      // without userinfo
	asked    bool        // it was a challenge
	parent   event.Trace // that the receiver is told of; empty: none

	request  *http.Request         // nil: nobody got any
	answered http.Header           // nil: none came
	kept     *store.AttemptHeaders // of both; nil: nothing
}

// caller makes attempts. It is the only part of Postrider that calls an
// endpoint.
type caller struct {
	book    *account.Book
	timeout time.Duration // of endpoints without one of their own: until the last byte of the answer
	agent   string
	trace   *trace.Tracer
	tell    bool // receivers of the traces
}

// call sends the payload once, with what the endpoint is called with, signed with
// the keys that it has now. ctx ending cuts the call off, which counts as a failed attempt. The answer has
// to come to its end in the time of the attempt, or to what is kept of it: many
// receivers send the status before they do the work, so a 2xx that never ends is
// a timeout.
func (c *caller) call(ctx context.Context, e *directory.Endpoint, with *store.Opened, d *event.Delivery, payload []byte) attempt {
	a := attempt{id: event.NewID(), began: time.Now(), url: e.URL}
	timeout := cmp.Or(e.Timeout, c.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: no answer within %s", errAttemptTimeout, timeout))
	defer cancel()
	span := c.begin(with, d, &a)
	err := c.exchange(ctx, e.ID, with, d, payload, &a)
	noToken, _ := errors.AsType[*account.TokenError](err)
	switch {
	case noToken != nil:
		a.wish = noToken.Wait
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx) // what ended it, not what it looked like on the wire
	}
	a.duration = time.Since(a.began)
	a.outcome = decide(a.status, err)
	switch {
	case noToken != nil:
		a.response = []byte(noToken.Error())
	case err != nil:
		a.status, a.response = 0, []byte(a.outcome.explain())
	}
	span.Outcome(a.status, a.failure())
	span.End("")
	return a
}

// begin begins the span of a call, if it is traced.
func (c *caller) begin(with *store.Opened, d *event.Delivery, a *attempt) trace.Span {
	if c.trace == nil || d.Trace == "" {
		return trace.Span{}
	}
	about := trace.OfDelivery(d)
	about.AttemptID = a.id
	host, port := address(with.URL.Reveal())
	span := c.trace.Call(d.Trace, host, port, about)
	if c.tell {
		a.parent = span.Or("")
	}
	return span
}

// address is the part of a URL that is called: nothing else of it is told.
func address(raw string) (host string, port int) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", 0
	}
	port, _ = strconv.Atoi(u.Port())
	switch {
	case port != 0:
	case u.Scheme == "https":
		port = 443
	default:
		port = 80
	}
	return u.Hostname(), port
}

// failure is the outcome as a span tells it: nothing for a success.
func (a *attempt) failure() string {
	if a.outcome == Success {
		return ""
	}
	return string(a.outcome)
}

func (c *caller) exchange(ctx context.Context, endpoint event.ID, with *store.Opened, d *event.Delivery, payload []byte, a *attempt) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, with.URL.Reveal(), bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	to, err := c.book.Open(endpoint, with.Credentials)
	if err != nil {
		return err
	}
	defer to.Release()
	c.setHeaders(request.Header, with, d, a.began, payload)
	if a.parent != "" {
		request.Header.Set("Traceparent", string(a.parent))
	}
	token, err := to.Authorize(ctx, request.Header)
	if err != nil {
		return err
	}
	response, err := to.Client().Do(request)
	if err == nil || !unsent(err) {
		a.request = request
	}
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusUnauthorized {
		to.Refused(token)
	}
	defer func() { _ = response.Body.Close() }() // and the connection, if the answer goes on
	a.status, a.answered = response.StatusCode, response.Header
	a.wish = retryAfter(response.Header, time.Now())
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil // what follows is no answer, and reading it would not end with the context
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, keptResponse))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	a.response = body
	return nil
}

// setHeaders follows Standard Webhooks 1.0.0, and sends the names that Svix's
// libraries look for as well. The endpoint's own headers keep their case.
func (c *caller) setHeaders(h http.Header, with *store.Opened, d *event.Delivery, now time.Time, payload []byte) {
	for name, value := range with.Headers {
		h[name] = []string{value.Reveal()}
	}
	id := event.Message.Format(d.Event)
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signed := signature.Header(with.SigningKeys(now), id, now, payload)
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", c.agent)
	for _, family := range []string{"Webhook", "Svix"} {
		h[family+"-Id"] = []string{id}
		h[family+"-Timestamp"] = []string{timestamp}
		h[family+"-Signature"] = []string{signed}
	}
}
