package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// tries is how often a request is made when idempotency keys make it safe to
// repeat, as the client libraries do, and firstPause what lies between the first
// two; each later pause is twice as long.
const (
	tries      = 3
	firstPause = 50 * time.Millisecond
)

// errNoID is an acceptance that can't be matched with what arrives.
var errNoID = errors.New("answer has no message id")

// refusal is an answer that is no success.
type refusal struct{ status int }

func (r refusal) Error() string { return "answered " + strconv.Itoa(r.status) }

// deliver posts an event until it is accepted or given up, and counts it.
func (r *Run) deliver(ctx context.Context, n int64, due time.Time) {
	to := &r.fleet.tenants[n%int64(len(r.fleet.tenants))]
	body := r.payload.body(due)
	pause := firstPause
	for try := 1; ; try++ {
		id, err := r.post(ctx, to.messages, n, body)
		if err == nil {
			r.tally.accepted(to, id, time.Since(due))
			return
		}
		again := r.config.Idempotency && try < tries && transient(err)
		r.tally.erred(err, again)
		if !again || !sleepUntil(ctx, time.Now().Add(pause)) {
			return
		}
		pause *= 2
	}
}

// post makes one request and returns the id of the message that it made.
func (r *Run) post(ctx context.Context, target string, n int64, body []byte) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	req.Header["Authorization"] = r.authorization
	req.Header["Content-Type"] = r.contentType
	if r.config.Idempotency {
		req.Header["Idempotency-Key"] = []string{r.id.idempotencyKey(n)}
	}
	res, err := r.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return "", refusal{res.StatusCode}
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
		return "", errNoID
	}
	return made.ID, nil
}

// transient tells whether trying again may help.
func transient(err error) bool {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.status >= 500
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, errNoID)
}

// kind is a short name for what went wrong; there are few of them.
func kind(err error) string {
	if r, ok := errors.AsType[refusal](err); ok {
		return strconv.Itoa(r.status)
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errNoID):
		return "no id"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case ok && timeout.Timeout():
		return "timeout"
	default:
		return "connection"
	}
}
