package main

import (
	"fmt"
	"strings"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/latency"
)

// report is what a scenario found.
type report struct{ *findings.Report }

// quietTop is what a quiet tenant may notice of a noisy one whatever it has
// alone: p99 in ms.
const quietTop = 100

// quiet reports what a quiet load met alone and beside the noise, and holds the
// one against the other: p99 may be so many times as much. It also holds it
// against further limits.
func (r *report) quiet(alone, beside quietResult, times float64, further ...findings.Limit) {
	r.unhurt("quiet alone", alone)
	r.unhurt("quiet beside the noise", beside)
	r.Check("quiet p99 beside the noise, ms", beside.Latency.P99, append([]findings.Limit{findings.AtMost(times * alone.Latency.P99)}, further...)...)
}

// unhurt reports a quiet load, all of which must have arrived once.
func (r *report) unhurt(what string, q quietResult) {
	r.Note(what+", p50 / p95 / p99 / max in ms", "%s", spread(q.Latency))
	r.Note("– of it until acceptance", "%s", spread(q.AcceptLatency))
	r.Note("– from acceptance to first attempt", "%s", spread(q.AfterAcceptance))
	if problems := q.Problems(); len(problems) > 0 {
		r.Fault(fmt.Errorf("%s: %s", what, strings.Join(problems, "; ")))
	}
}

func spread(s latency.Summary) string {
	return fmt.Sprintf("%.1f / %.1f / %.1f / %.1f", s.P50, s.P95, s.P99, s.Max)
}
