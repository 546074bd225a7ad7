// Package latency keeps durations in histograms of fixed size (HDR), from which
// percentiles are read to three digits.
package latency

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	longest = time.Hour // longer durations count as this
	digits  = 3
)

// Histogram counts durations between a microsecond and an hour in 190 kB,
// however many there are. It is safe for concurrent use.
type Histogram struct {
	mu     sync.Mutex
	counts *hdrhistogram.Histogram // of microseconds
}

// New returns an empty histogram.
func New() *Histogram {
	return &Histogram{counts: hdrhistogram.New(1, longest.Microseconds(), digits)}
}

// Record counts a duration. A negative one, from a clock that was set back,
// counts as none at all.
func (h *Histogram) Record(d time.Duration) {
	d = min(max(d, 0), longest)
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.counts.RecordValue(d.Microseconds()) // fails only beyond longest
}

// Summary returns what has been recorded so far.
func (h *Histogram) Summary() Summary {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := func(percentile float64) float64 { return millis(h.counts.ValueAtPercentile(percentile)) }
	return Summary{
		Count: h.counts.TotalCount(),
		P50:   at(50),
		P95:   at(95),
		P98:   at(98),
		P99:   at(99),
		Max:   millis(h.counts.Max()),
	}
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

// Summary is what people ask of a histogram, in milliseconds.
type Summary struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50Ms"`
	P95   float64 `json:"p95Ms"`
	P98   float64 `json:"p98Ms"`
	P99   float64 `json:"p99Ms"`
	Max   float64 `json:"maxMs"`
}

// String returns the percentiles in one line.
func (s Summary) String() string {
	if s.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, max %.1f ms", s.P50, s.P95, s.P99, s.Max)
}
