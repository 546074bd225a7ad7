package ingest

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// turn is how many events a tenant puts into a group that it shares with others.
// So one that posts thousands makes nobody else wait for a group of hundreds.
const turn = 64

// restFactor is how many times as long as its commit took a tenant rests that had
// more than a turn in it. Who posts thousands has the machine work at the speed at
// which it can, and everybody else wait for it; so the busier the machine, the
// longer the rest. On an idle one it still leaves 16,000 events a second.
const restFactor = 2

// queue is what waits for a writer: calls, by the tenant of their first event.
// Tenants take turns, so a call waits for those of its own tenant and for a few of
// each other, however many there are.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond // a call came, or the queue was closed
	closed  bool
	events  int
	waiting map[event.ID][][]request
	turns   []event.ID // those that have calls waiting and do not rest, in the order of their turns
	resting map[event.ID]int
}

func newQueue() *queue {
	q := &queue{waiting: make(map[event.ID][][]request), resting: make(map[event.ID]int)}
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
	if len(q.waiting[tenant]) == 0 && q.resting[tenant] == 0 {
		q.turns = append(q.turns, tenant)
	}
	q.waiting[tenant] = append(q.waiting[tenant], call)
	q.events += len(call)
	q.more.Signal()
	return true
}

// take waits for calls and returns a group of them: as much as fits of a tenant
// that is alone, and of several a turn of each. A call is never taken apart. It
// returns nothing when the queue is closed and empty.
func (q *queue) take() (group [][]request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.turns) == 0 {
		if q.closed && len(q.waiting) == 0 {
			return nil
		}
		q.more.Wait()
	}
	share := turn
	if len(q.turns) == 1 {
		share = groupEvents
	}
	room := limit{groupEvents, groupBytes}
	for range len(q.turns) {
		taken, full := q.takeOf(q.turns[0], share, &room)
		group = append(group, taken...)
		if full {
			break
		}
	}
	if len(q.turns) > 0 {
		q.more.Signal() // for the other writer: what is left is not announced again
	}
	return group
}

// takeOf takes calls of the tenant whose turn it is and sends the tenant to the end
// of the line. full says that its next call has no room in the group; if that is
// the first, the tenant stays at the head.
func (q *queue) takeOf(tenant event.ID, share int, room *limit) (taken [][]request, full bool) {
	calls := q.waiting[tenant]
	n := 0
	for n < len(calls) && share > 0 && !full {
		if full = !room.fits(calls[n]); !full {
			share -= len(calls[n])
			q.events -= len(calls[n])
			n++
		}
	}
	taken = calls[:n:n]
	switch {
	case n == len(calls):
		delete(q.waiting, tenant)
		q.turns = q.turns[1:]
	case n == 0: // the turn is still to come
	default:
		q.waiting[tenant] = calls[n:]
		q.turns = append(q.turns[1:], tenant)
	}
	return taken, full
}

// rest keeps the tenants that had more than their turn in a group from having
// another until wake is called, and some time has passed that depends on how long
// that took.
func (q *queue) rest(group [][]request) (wake func()) {
	began := time.Now()
	had := make(map[event.ID]int)
	for _, call := range group {
		had[call[0].event.Tenant] += len(call)
	}
	maps.DeleteFunc(had, func(_ event.ID, events int) bool { return events <= turn })
	if len(had) == 0 {
		return func() {}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for tenant := range had {
		q.resting[tenant]++
		q.turns = slices.DeleteFunc(q.turns, func(id event.ID) bool { return id == tenant })
	}
	return func() {
		time.AfterFunc(restFactor*time.Since(began), func() { q.wake(had) })
	}
}

func (q *queue) wake(tenants map[event.ID]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for tenant := range tenants {
		if q.resting[tenant]--; q.resting[tenant] > 0 {
			continue
		}
		delete(q.resting, tenant)
		if len(q.waiting[tenant]) > 0 {
			q.turns = append(q.turns, tenant)
		}
	}
	q.more.Broadcast()
}

// close has take return nothing more when all that waits is taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}

// limit is what still fits into a group. Any first call does.
type limit struct{ events, bytes int }

func (l *limit) fits(call []request) bool {
	bytes := 0
	for i := range call {
		bytes += len(call[i].event.Payload)
	}
	if first := l.events == groupEvents; !first && (len(call) > l.events || bytes > l.bytes) {
		return false
	}
	l.events -= len(call)
	l.bytes -= bytes
	return true
}
