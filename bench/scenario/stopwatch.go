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
	mu       sync.Mutex
	times    *latency.Histogram
	accepted map[string]time.Time   // by id of the event
	early    map[string][]time.Time // arrivals that came before the answer
	kinds    *kinds                 // nil: they are not told apart
	windows  *windows               // nil: neither are times
}

func newStopwatch() *stopwatch {
	s := &stopwatch{}
	s.reset()
	return s
}

// reset begins anew.
func (s *stopwatch) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times, s.accepted, s.early = latency.New(), map[string]time.Time{}, map[string][]time.Time{}
}

// start notes that an event was accepted just now.
func (s *stopwatch) start(a sender.Acceptance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted[a.ID] = a.At
	for _, at := range s.early[a.ID] {
		s.times.Record(at.Sub(a.At))
	}
	delete(s.early, a.ID)
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
	if from, known := s.accepted[d.ID]; known {
		s.times.Record(d.At.Sub(from))
		return
	}
	s.early[d.ID] = append(s.early[d.ID], d.At)
}

// summary is what was timed since the last reset.
func (s *stopwatch) summary() latency.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times.Summary()
}
