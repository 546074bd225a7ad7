package fair

import (
	"time"

	"github.com/postrider/postrider/shared/event"
)

// level is the order of priorities inside a queue: the lower goes first.
type level int

const (
	high level = iota
	normal
	low
	levels
)

func levelOf(p event.Priority) level {
	switch p {
	case event.High:
		return high
	case event.Low:
		return low
	default:
		return normal
	}
}

// favoured is whom a queue asks first at each of its starts, by turns, before it
// goes on with high, normal, low. So while they wait, normal jobs get at least a
// quarter of the starts and low ones an eighth.
var favoured = [...]level{high, high, normal, high, high, normal, high, low} //nolint:gochecknoglobals // constant

// queue is the waiting jobs of one tenant and class.
type queue struct {
	tenant  *tenant
	class   class
	waiting [levels]list[*Job]
	shared  int    // of those, the ones that came by shared lanes
	room    signal // raised when a shared one leaves a full queue
	starts  int    // so far, for the turns of the levels
	passed  int    // starts of the tenant's jobs of classes before, since this queue had one

	// credit is slot time that the queue may still use in this round; below zero is
	// what it used too much.
	credit time.Duration
	round  int          // of its class, as of which the credit is
	turn   link[*queue] // in the ring of its class
	inLine link[*queue] // for the share of slow endpoints and own lanes
}

func (q *queue) len() int {
	n := 0
	for l := range q.waiting {
		n += q.waiting[l].len
	}
	return n
}

// jobs yields the waiting jobs in the order in which they are to start.
func (q *queue) jobs(yield func(*Job) bool) {
	favourite := favoured[q.starts%len(favoured)]
	if !q.yield(favourite, yield) {
		return
	}
	for l := range levels {
		if l != favourite && !q.yield(l, yield) {
			return
		}
	}
}

func (q *queue) yield(l level, yield func(*Job) bool) bool {
	for k := q.waiting[l].first; k != nil; {
		next := k.next // the caller may take k away
		if !yield(k.item) {
			return false
		}
		k = next
	}
	return true
}

func (q *queue) push(j *Job) {
	q.waiting[j.level].push(&j.place)
	j.endpoint.waiting++
	switch j.Lane {
	case Shared:
		q.shared++
	case OfTenant:
		q.tenant.own++
	case OfEndpoint:
	}
}

// remove takes a job out, which makes room for another.
func (q *queue) remove(j *Job) {
	j.place.remove()
	j.endpoint.waiting--
	switch j.Lane {
	case Shared:
		q.shared--
		q.room.raise()
	case OfTenant:
		q.tenant.own--
		q.tenant.changed.raise()
	case OfEndpoint:
	}
	j.endpoint.changed.raise()
}

// tenant is one that has jobs waiting or in flight. When the last of them is gone
// it is forgotten, and with it what it used too much.
type tenant struct {
	id      event.ID
	weight  int
	rate    int // of all its endpoints together, as it is set now
	running usage
	own     int // waiting, of those that came by its own lane
	queues  [classes]queue
	wake    time.Time // when it has something to start
	wakes   int       // its place among those that wait for a time; -1: it does not
	changed signal
}

func newTenant(id event.ID) *tenant {
	t := &tenant{id: id, wakes: -1}
	for c := range classes {
		q := &t.queues[c]
		q.tenant, q.class = t, c
		q.turn.item, q.inLine.item = q, q
	}
	return t
}

func (t *tenant) idle() bool {
	for c := range t.queues {
		if t.queues[c].len() > 0 {
			return false
		}
	}
	return t.running.total() == 0
}
