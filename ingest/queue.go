package ingest

import (
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// light is how many events a tenant may have waiting without being a burden to
	// others.
	light = 64

	// heavyShare bounds the events that a tenant that has more has in a group: more
	// of them keep disk and database from everybody else for longer than it gains.
	heavyShare = 128

	// restFactor is how many times as long as its commit took such a tenant rests.
	// Who posts thousands has the machine work at the speed at which it can, and
	// everybody else wait for it; so the busier the machine, the longer the rest. On
	// an idle one it leaves some 8,000 events a second.
	restFactor = 3
)

// queue is what waits for a writer: calls, in a line for each tenant of their first
// event. Tenants with little waiting share groups, and so do those with much: one
// writer at a time is at these, and after each the tenants in it rest. So whoever
// posts little finds a writer that is free or will be in a moment, and shares its
// transaction with others of the kind only.
type queue struct {
	mu     sync.Mutex
	more   sync.Cond // something may be taken, or the queue was closed
	closed bool
	events int
	lines  map[event.ID]*line
	little []*line // have calls waiting, few events, in the order of their turns
	much   []*line // have many and do not rest
	atMuch bool    // a writer is at a group of those with much
	turn   bool    // of those with much, when both wait
}

// line is the calls of a tenant.
type line struct {
	tenant  event.ID
	calls   [][]request
	events  int
	resting bool
}

func newQueue() *queue {
	q := &queue{lines: make(map[event.ID]*line)}
	q.more.L = &q.mu
	return q
}

// put takes a call, or returns false: there is no room for it, or the queue is
// closed.
func (q *queue) put(call []request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.events+len(call) > queued {
		return false
	}
	tenant := call[0].event.Tenant
	l := q.lines[tenant]
	if l == nil {
		l = &line{tenant: tenant}
		q.lines[tenant] = l
	}
	few := len(l.calls) > 0 && l.events <= light
	l.calls = append(l.calls, call)
	l.events += len(call)
	q.events += len(call)
	switch {
	case l.resting:
	case few && l.events > light:
		q.little = slices.DeleteFunc(q.little, func(other *line) bool { return other == l })
		fallthrough
	case len(l.calls) == 1:
		q.lineUp(l)
	}
	return true
}

// lineUp gives a line its place among those whose turn is to come.
func (q *queue) lineUp(l *line) {
	if l.events > light {
		q.much = append(q.much, l)
	} else {
		q.little = append(q.little, l)
	}
	q.more.Signal()
}

// take waits for calls and returns a group of them; a call is never taken apart.
// done must be called when the group is committed. It returns no group when the
// queue is closed and empty.
func (q *queue) take() (group [][]request, done func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.little) == 0 && (len(q.much) == 0 || q.atMuch) {
		if q.closed && len(q.lines) == 0 {
			return nil, nil
		}
		q.more.Wait()
	}
	if len(q.much) > 0 && !q.atMuch && (q.turn || len(q.little) == 0) {
		group, done = q.takeMuch()
	} else {
		q.turn = true
		group, done = q.takeLittle(), func() {}
	}
	q.more.Signal() // what is left for the other writer is not announced again
	return group, done
}

// takeLittle takes what fits of all lines with little.
func (q *queue) takeLittle() (group [][]request) {
	room := room{groupEvents, groupBytes, true}
	for len(q.little) > 0 {
		l := q.little[0]
		taken, all := q.takeOf(l, &room)
		group = append(group, taken...)
		if !all {
			return group
		}
		q.little = q.little[1:]
		delete(q.lines, l.tenant)
	}
	return group
}

// takeMuch takes a group of lines with much, its share of each, which rest when that
// is done.
func (q *queue) takeMuch() (group [][]request, done func()) {
	q.atMuch, q.turn = true, false
	var lines []*line
	for room := (room{groupEvents, groupBytes, true}); len(q.much) > 0; {
		l := q.much[0]
		beyond := max(room.events-heavyShare, 0)
		room.events -= beyond
		taken, _ := q.takeOf(l, &room)
		room.events += beyond
		if len(taken) == 0 {
			break
		}
		group = append(group, taken...)
		lines = append(lines, l)
		q.much = q.much[1:]
		l.resting = true
	}
	began := time.Now()
	return group, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.atMuch = false
		q.more.Broadcast()
		time.AfterFunc(restFactor*time.Since(began), func() { q.wake(lines) })
	}
}

// wake ends the rest of lines.
func (q *queue) wake(lines []*line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range lines {
		l.resting = false
		if len(l.calls) > 0 {
			q.lineUp(l)
			continue
		}
		delete(q.lines, l.tenant)
		q.more.Broadcast() // it may have been the last
	}
}

// takeOf takes calls of a line while there is room for them, and reports whether
// that was all.
func (q *queue) takeOf(l *line, room *room) (taken [][]request, all bool) {
	n := 0
	for n < len(l.calls) && room.take(l.calls[n]) {
		l.events -= len(l.calls[n])
		q.events -= len(l.calls[n])
		n++
	}
	taken = l.calls[:n:n]
	l.calls = l.calls[n:]
	return taken, len(l.calls) == 0
}

// shed takes everything that waits.
func (q *queue) shed() (calls [][]request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lines {
		calls = append(calls, l.calls...)
		l.calls, l.events = nil, 0
		if !l.resting {
			delete(q.lines, l.tenant)
		}
	}
	q.little, q.much, q.events = nil, nil, 0
	q.more.Broadcast()
	return calls
}

// close has take return nothing more when all that waits is taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}

// room is what still fits into a group.
type room struct {
	events, bytes int
	empty         bool // then any call fits
}

func (r *room) take(call []request) bool {
	bytes := 0
	for i := range call {
		bytes += len(call[i].event.Payload)
	}
	if !r.empty && (len(call) > r.events || bytes > r.bytes) {
		return false
	}
	r.events -= len(call)
	r.bytes -= bytes
	r.empty = false
	return true
}
