package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// maxBatch is how many messages one request may have.
const maxBatch = 1000

// posted is what became of one of many messages: the status and the body that it
// would have been answered with alone.
type posted struct {
	Status  int      `json:"status"`
	Message *message `json:"message,omitempty"`
	Error   any      `json:"error,omitempty"`
}

// createMessages is createMessage for many at once, which share commits. Each has
// a result of its own, in order; one that is refused does not hold up the others.
// The i-th of them claims the idempotency key of the request with /i after it, so
// the same request has the same results.
func (c *call) createMessages(r *http.Request) (reply, error) {
	p := readParams(r)
	content := p.flag("with_content", true)
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return reply{}, err
	}
	items, err := readItems(r)
	if err != nil {
		return reply{}, err
	}
	if err := p.err(); err != nil {
		return reply{}, err
	}
	drafts, good := make([]*draft, len(items)), make([]*draft, 0, len(items))
	for i, item := range items {
		d := c.draftOf(item)
		if key != "" {
			d.event.IdempotencyKey = key + "/" + strconv.Itoa(i)
		}
		if drafts[i] = d; !d.done {
			good = append(good, d)
		}
	}
	if err := c.accept(r.Context(), r.PathValue("app_id"), good...); err != nil {
		return reply{}, err
	}
	return c.results(r, drafts, content)
}

// readItems reads the list of messages, whatever is in it.
func readItems(r *http.Request) ([]json.RawMessage, error) {
	f, err := readForm(r)
	if err != nil {
		return nil, err
	}
	const field = "messages"
	f.require(field)
	var items []json.RawMessage
	if f.given(field) {
		if items, err = itemsOf(f.members[field]); err != nil {
			f.refuse(field, err.Error())
		} else if len(items) == 0 || len(items) > maxBatch {
			f.refuse(field, fmt.Sprintf("must have 1 to %d items", maxBatch))
		}
	}
	return items, f.err()
}

// draftOf reads one of many messages. It may be no larger than one that comes
// alone.
func (c *call) draftOf(item json.RawMessage) *draft {
	found, err := membersOf(item)
	d := newDraft(&form{members: found}, item)
	switch {
	case int64(len(item)) > c.MaxBody:
		d.settle(&http.MaxBytesError{Limit: c.MaxBody})
	case err != nil:
		d.settle(malformed(err))
	default:
		if err := d.form.message(&d.event); err != nil {
			d.settle(err)
		}
	}
	return d
}

// results shows what became of each. When nothing became of any because there is
// no such application, or because of us, that is the answer to the whole.
func (c *call) results(r *http.Request, drafts []*draft, content bool) (reply, error) {
	var page struct {
		Data []posted `json:"data"`
	}
	var fault error
	failed := 0
	for _, d := range drafts {
		if d.err == nil {
			m := showMessage(d.event.Posted(), content)
			page.Data = append(page.Data, posted{Status: http.StatusAccepted, Message: &m})
			continue
		}
		p := explain(d.err)
		page.Data = append(page.Data, posted{Status: p.status, Error: p.body()})
		if p.status >= http.StatusInternalServerError || p.status == http.StatusNotFound {
			fault = d.err
			failed++
		}
	}
	if failed == len(drafts) {
		return reply{}, fault
	}
	if fault != nil {
		c.logFault(r, explain(fault), fault)
	}
	return ok(page), nil
}

// limitOf is how long the body of a request may be.
func (s *server) limitOf(to route) int64 {
	if to.path == batchPath {
		return max(s.MaxBatch, s.MaxBody)
	}
	return s.MaxBody
}
