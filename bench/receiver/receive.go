package receiver

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// What a delivery that got no answer has as its status.
const noAnswer = 0

// receive is one attempt, from its arrival to its answer.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, now time.Time) {
	body := r.takeBuffer()
	defer r.giveBuffer(body)
	if _, err := body.ReadFrom(http.MaxBytesReader(w, req.Body, maxBody)); err != nil {
		http.Error(w, "read body: "+err.Error(), http.StatusBadRequest)
		return
	}
	p, err := r.path(req.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
		return
	}
	plan, err := p.plan(req.URL.Path, req.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d := Delivery{At: now, Path: req.URL.Path, ID: eventID(req.Header), Body: body.Bytes()}
	if plan.numbered {
		d.ID = numberID(d.Body)
	}
	if sent, ok := sentAt(d.Body); ok {
		d.Took, d.Timed = now.Sub(sent), true
	}
	var bad error
	d.Verdict, bad = r.judge(p, req.Header, d.Body, now)
	if bad != nil {
		d.Status = http.StatusUnauthorized
		r.class(plan.class).count(func(c *Counts) { c.Requests++; c.BadSignatures++ })
		http.Error(w, bad.Error(), d.Status)
	} else {
		r.answer(w, req, &d, plan)
	}
	if r.options.Observe != nil {
		r.options.Observe(d)
	}
	if d.Status == noAnswer {
		// Only a panic makes net/http drop the connection without a word; of this
		// one it writes no log.
		panic(http.ErrAbortHandler)
	}
}

// answer counts a delivery and does with it what the plan says.
func (r *Receiver) answer(w http.ResponseWriter, req *http.Request, d *Delivery, plan *plan) {
	class, key := r.class(plan.class), Fingerprint(d.Path, d.ID)
	class.enter(d.Path, d.At)
	defer class.leave(d.Path) // before the server sends the answer
	if d.ID == "" {
		d.Attempt = 1
		class.count(func(c *Counts) { c.Requests++; c.Unidentified++ })
	} else {
		took := time.Duration(-1)
		if d.Timed {
			took = max(d.Took, 0)
		}
		d.Attempt = class.arrive(key, took, d.At)
	}
	reaction := plan.react(d.Attempt, key)
	if reaction.wait > 0 && !r.dawdle(req, reaction.wait) || reaction.status == noAnswer {
		class.count(func(c *Counts) { c.Abandoned++ })
		return
	}
	d.Status = reaction.status
	if d.Status >= 200 && d.Status < 300 {
		class.accept(key, d.Path, numberOf(d.Body))
	} else {
		class.count(func(c *Counts) { c.Refused++ })
		if plan.retryAfter != "" {
			w.Header().Set("Retry-After", plan.retryAfter)
		}
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(d.Status)
}

// dawdle keeps the request waiting and tells whether it is still to be answered
// then. It is not when its sender has left, and when the receiver closes.
func (r *Receiver) dawdle(req *http.Request, wait time.Duration) bool {
	if r.waiting.Add(1) > maxWaiting {
		r.waiting.Add(-1)
		return false
	}
	defer r.waiting.Add(-1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
		return false
	case <-r.closing.Done():
		return false
	}
}

func eventID(header http.Header) string {
	if id := header.Get("Webhook-Id"); id != "" {
		return id
	}
	return header.Get("Svix-Id")
}

// numberID is the number of the event as its id.
func numberID(body []byte) string {
	if n := numberOf(body); n != unnumbered {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// sentAt finds the time that the sender wrote into the payload.
func sentAt(body []byte) (time.Time, bool) {
	nanos, ok := findNumber(body, `"sent":`)
	return time.Unix(0, nanos), ok
}

// unnumbered is the number of an event without one.
const unnumbered = -1

// numberOf finds the number that the sender gave to the event.
func numberOf(body []byte) int64 {
	if n, ok := findNumber(body, `"number":`); ok {
		return n
	}
	return unnumbered
}

// findNumber finds a number of the payload by its name. It only looks for that:
// parsing the JSON would cost more than all the rest.
func findNumber(body []byte, name string) (int64, bool) {
	_, rest, ok := bytes.Cut(body, []byte(name))
	if !ok {
		return 0, false
	}
	rest = bytes.TrimLeft(rest, " ")
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(string(rest[:digits]), 10, 64)
	return n, err == nil
}

// keptBuffer is the largest buffer that is kept for later requests.
const keptBuffer = 64 << 10

func (r *Receiver) takeBuffer() *bytes.Buffer {
	if b, ok := r.buffers.Get().(*bytes.Buffer); ok {
		return b
	}
	return new(bytes.Buffer)
}

func (r *Receiver) giveBuffer(b *bytes.Buffer) {
	if b.Cap() <= keptBuffer {
		b.Reset()
		r.buffers.Put(b)
	}
}
