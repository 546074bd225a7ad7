package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/latency"
)

// sort begins to keep first attempts apart by what kind of tenant they are of,
// which their path says. They are timed from when their event was to be sent.
func (s *stopwatch) sort(kindOf func(path string) string) *kinds {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds = &kinds{of: kindOf, times: map[string]*latency.Histogram{}}
	return s.kinds
}

// kinds are the latencies of first attempts by kind of tenant.
type kinds struct {
	of func(path string) string

	mu    sync.Mutex
	times map[string]*latency.Histogram
}

func (k *kinds) record(path string, took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kind := k.of(path)
	if k.times[kind] == nil {
		k.times[kind] = latency.New()
	}
	k.times[kind].Record(took)
}

// names lists the kinds that there are.
func (k *kinds) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.times))
}

func (k *kinds) summary(kind string) latency.Summary {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.times[kind].Summary()
}

// follow begins to look at first attempts in windows of time, too.
func (s *stopwatch) follow(width time.Duration) *windows {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows = &windows{start: time.Now(), width: max(width, time.Second), times: latency.New()}
	return s.windows
}

// windows are the latencies of first attempts over time, in windows of one width
// by when they arrived.
type windows struct {
	start time.Time
	width time.Duration

	mu       sync.Mutex
	now      int64 // the window that is open
	times    *latency.Histogram
	p50, p99 findings.Line
}

func (w *windows) record(at time.Time, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if in := int64(at.Sub(w.start) / w.width); in > w.now {
		w.end()
		w.now = in
	}
	w.times.Record(took)
}

// end closes the open window. One that nothing arrived in says nothing.
func (w *windows) end() {
	found := w.times.Summary()
	if found.Count == 0 {
		return
	}
	at := (time.Duration(w.now) * w.width).Seconds()
	w.p50.Points = append(w.p50.Points, findings.Point{At: at, Value: found.P50})
	w.p99.Points = append(w.p99.Points, findings.Point{At: at, Value: found.P99})
	w.times = latency.New()
}

// plot is what there was until now.
func (w *windows) plot() findings.Plot {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	w.p50.Name, w.p99.Name = "p50", "p99"
	return findings.Plot{Title: "first attempts of healthy tenants, ms", Lines: []findings.Line{w.p50, w.p99}}
}
