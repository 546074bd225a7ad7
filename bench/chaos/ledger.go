package main

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

// maxEntries caps what a ledger keeps of acceptances and of arrivals: about half a
// gigabyte. What does not fit in is counted, and breaks the run.
const maxEntries = 3_000_000

// ledger is all that is known from outside: what was answered with 202, and what
// arrived. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]acceptance // by id of the message
	arrived  map[delivery][]arrival
	bodies   map[digest]string // the message that a body belongs to, as was first seen
	twins    map[string]string // messages with the body of another one, which they name
	overflow int64             // what had no place
}

// digest stands for a body.
type digest [8]byte

func digestOf(body []byte) digest {
	sum := sha256.Sum256(body)
	return digest(sum[:])
}

// acceptance is an event that was answered with 202.
type acceptance struct {
	app  string
	body digest
	at   time.Time
}

// delivery is an event at one endpoint.
type delivery struct {
	message string // id
	path    string // of the endpoint, at the receiver
}

// arrival is one attempt, as the receiver saw it.
type arrival struct {
	at       time.Time // when it came
	answered time.Time
	status   int // of the answer; 0 is none
	body     digest
}

func (a arrival) succeeded() bool { return a.status >= 200 && a.status < 300 }

func newLedger() *ledger {
	return &ledger{
		accepted: map[string]acceptance{}, arrived: map[delivery][]arrival{},
		bodies: map[digest]string{}, twins: map[string]string{},
	}
}

// accept notes a 202.
func (l *ledger) accept(a sender.Acceptance) {
	body := digestOf(a.Payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.accepted) >= maxEntries {
		l.overflow++
		return
	}
	l.belongs(body, a.ID)
	l.accepted[a.ID] = acceptance{a.App, body, a.At}
}

// arrive notes an attempt, after its answer.
func (l *ledger) arrive(d receiver.Delivery) {
	a := arrival{at: d.At, answered: time.Now(), status: d.Status, body: digestOf(d.Body)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.arrived) >= maxEntries {
		l.overflow++
		return
	}
	l.belongs(a.body, d.ID)
	key := delivery{d.ID, d.Path}
	l.arrived[key] = append(l.arrived[key], a)
}

// belongs notes which message has a body. No two bodies are the same, so a second
// message means that one post was taken for two.
func (l *ledger) belongs(body digest, message string) {
	switch first, known := l.bodies[body]; {
	case !known:
		l.bodies[body] = message
	case first != message:
		l.twins[message] = first
	}
}

// waited is how long 99 of 100 deliveries of events that were accepted in that time
// waited for their first attempt, at most.
func (l *ledger) waited(from, to time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var waits []time.Duration
	for key, arrivals := range l.arrived {
		if a, known := l.accepted[key.message]; known && a.at.After(from) && a.at.Before(to) {
			waits = append(waits, max(arrivals[0].at.Sub(a.at), 0))
		}
	}
	slices.Sort(waits)
	return share(waits, 0.99)
}

// share is the value that so many of all, in ascending order, do not exceed.
func share(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// arrivals is how many deliveries have had an attempt.
func (l *ledger) arrivals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.arrived)
}
