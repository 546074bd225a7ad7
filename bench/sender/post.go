package sender

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/postrider/postrider/bench/target"
)

const maxAnswer = 16 << 20 // bytes of an answer that are read

// usualTries is how often a request is made when idempotency keys make it safe to
// repeat, as the client libraries do, and firstPause what lies between the first
// two; each later pause is twice as long.
const (
	usualTries = 3
	firstPause = 50 * time.Millisecond
)

// errNoID is an acceptance that can't be matched with what arrives.
var errNoID = errors.New("answer has no message id")

// refusal is an answer that is no success.
type refusal struct{ status int }

func (r refusal) Error() string { return "answered " + strconv.Itoa(r.status) }

// deliver makes a request until it is answered with success or given up, and
// counts its events.
func (r *Run) deliver(ctx context.Context, o order, due time.Time) {
	to := &r.fleet.tenants[o.to]
	batch := max(r.config.Batch, 1)
	key := ""
	if r.config.Idempotency {
		key = r.id.idempotencyKey(o.n)
	}
	body := r.payload.body(&to.form, key, due, o.n*int64(batch), batch, o.size)
	tries := cmp.Or(r.config.Tries, usualTries)
	pause := firstPause
	for try := 1; ; try++ {
		answer, err := r.post(ctx, &to.form, key, body)
		if err == nil {
			r.note(to, answer, o, due)
			return
		}
		again := r.config.Idempotency && try < tries && transient(err)
		r.tally.erred(err, batch, again)
		if !again || !sleepUntil(ctx, time.Now().Add(pause)) {
			return
		}
		pause *= 2
	}
}

// note counts the events of a request by what was answered.
func (r *Run) note(to *tenant, answer []byte, o order, due time.Time) {
	now, first := time.Now(), o.n*int64(max(r.config.Batch, 1))
	for i, e := range r.read(answer, first) {
		switch {
		case e.Status < 200 || e.Status > 299:
			r.tally.erred(refusal{e.Status}, 1, false)
		case e.Message.ID == "":
			r.tally.erred(errNoID, 1, false)
		default:
			r.tally.accepted(to, e.Message.ID, now.Sub(due))
			if r.config.Accepted != nil {
				r.config.Accepted(Acceptance{e.Message.ID, to.App, r.payload.appendTo(nil, due, first+int64(i), o.size), now})
			}
		}
	}
}

// made is what became of one event.
type made struct {
	Status  int
	Message struct{ ID string }
}

// read makes the same of all kinds of answers to events from the first on. One that
// can't be read has nothing but events without an id.
func (r *Run) read(answer []byte, first int64) []made {
	all := make([]made, max(r.config.Batch, 1))
	for i := range all {
		all[i].Status = http.StatusAccepted
	}
	if r.fleet.kind.Numbered { // its answer may say anything
		all[0].Message.ID = strconv.FormatInt(firstNumber+first, 10)
		return all
	}
	if len(all) == 1 {
		_ = json.Unmarshal(answer, &all[0].Message)
		return all
	}
	var page struct{ Data []made }
	if json.Unmarshal(answer, &page) == nil {
		copy(all, page.Data)
	}
	return all
}

// post makes one request and returns its answer.
func (r *Run) post(ctx context.Context, form *target.Form, key string, body []byte) ([]byte, error) {
	began := time.Now()
	answer, header, err := r.ask(ctx, form, key, body)
	if r.config.Answered != nil {
		refused, _ := errors.AsType[refusal](err)
		status := refused.status
		if err == nil {
			status = http.StatusAccepted
		}
		r.config.Answered(Answer{began, time.Since(began), status, header.Get("Retry-After")})
	}
	return answer, err
}

func (r *Run) ask(ctx context.Context, form *target.Form, key string, body []byte) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, form.URL, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("make request: %w", err)
	}
	maps.Copy(req.Header, form.Header)
	if key != "" && form.KeyHeader != "" {
		req.Header[form.KeyHeader] = []string{key}
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, res.Header, fmt.Errorf("read answer: %w", err)
	}
	if !form.Accepted(res.StatusCode) {
		return nil, res.Header, refusal{res.StatusCode}
	}
	return answer, res.Header, nil
}

// transient tells whether trying again may help.
func transient(err error) bool {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.status >= 500
	}
	return !errors.Is(err, context.Canceled)
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
