package sender

import (
	"maps"
	"sync"
	"time"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/receiver"
)

// tally counts what became of requests, and knows what must arrive for it.
type tally struct {
	times *latency.Histogram // from when an event was due to its acceptance

	mu       sync.Mutex
	events   int64
	failed   int64
	errors   map[string]int64 // by kind, those that were tried again too
	expected expectation
}

// expectation is the deliveries that must arrive.
type expectation struct {
	deliveries  int64
	fingerprint uint64 // as the receiver sums it up
}

func newTally() *tally {
	return &tally{times: latency.New(), errors: map[string]int64{}}
}

func (t *tally) accepted(to *tenant, id string, took time.Duration) {
	t.times.Record(took)
	var fingerprint uint64
	for _, path := range to.Paths {
		fingerprint += receiver.Fingerprint(path, id)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events++
	t.expected.deliveries += int64(len(to.Paths))
	t.expected.fingerprint += fingerprint
}

// erred counts a request that went wrong; unless it is made again, its events
// are lost.
func (t *tally) erred(err error, events int, again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors[kind(err)]++
	if !again {
		t.failed += int64(events)
	}
}

// fill writes what was counted into the result.
func (t *tally) fill(r *Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Accepted, r.Failed, r.Errors = t.events, t.failed, maps.Clone(t.errors)
	r.Expected, r.Fingerprint = t.expected.deliveries, t.expected.fingerprint
	r.AcceptLatency = t.times.Summary()
}

func (t *tally) due() expectation {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expected
}
