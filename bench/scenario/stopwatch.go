package main

import (
	"sync"
	"time"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

// stopwatch times the first attempts of quiet events from their acceptance, as
// whoever posted them learned of it. One that arrived before the answer counts
// as none at all.
type stopwatch struct {
	mu      sync.Mutex
	times   *latency.Histogram
	running running
	before  running  // what ran when there was room
	kinds   *kinds   // nil: they are not told apart
	windows *windows // nil: neither are times
}

func newStopwatch() *stopwatch {
	s := &stopwatch{}
	s.reset()
	return s
}

// maxRunning is how many events are timed at least, of those that were accepted
// last: an hour of all would be a few hundred megabytes.
const maxRunning = 100_000

// running is what is being timed.
type running struct {
	accepted map[string]time.Time   // by id of the event
	early    map[string][]time.Time // arrivals that came before the answer
}

func newRunning() running { return running{map[string]time.Time{}, map[string][]time.Time{}} }

// reset begins anew.
func (s *stopwatch) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times, s.running, s.before = latency.New(), newRunning(), newRunning()
}

// start notes that an event was accepted just now.
func (s *stopwatch) start(a sender.Acceptance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.running.accepted)+len(s.running.early) >= maxRunning {
		s.before, s.running = s.running, newRunning()
	}
	s.running.accepted[a.ID] = a.At
	for _, all := range []running{s.running, s.before} {
		for _, at := range all.early[a.ID] {
			s.times.Record(at.Sub(a.At))
		}
		delete(all.early, a.ID)
	}
}

// stop notes an attempt.
func (s *stopwatch) stop(d receiver.Delivery) {
	if d.Attempt > 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds != nil && d.Timed {
		s.kinds.record(d.Path, d.Took)
	}
	if s.windows != nil && d.Timed {
		s.windows.record(d.At, d.Took)
	}
	for _, all := range []running{s.running, s.before} {
		if from, known := all.accepted[d.ID]; known {
			s.times.Record(d.At.Sub(from))
			return
		}
	}
	s.running.early[d.ID] = append(s.running.early[d.ID], d.At)
}

// summary is what was timed since the last reset.
func (s *stopwatch) summary() latency.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times.Summary()
}
