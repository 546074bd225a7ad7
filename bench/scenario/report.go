package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/markdown"
)

// report is what a scenario found, and whether it is within the limits.
type report struct {
	title  string
	about  string // where it was measured
	within string // the run that the next rows are about, where there are several
	rows   []row
	faults []error // what kept it from being measured
}

type row struct {
	what, measured, limit string
	judged, ok            bool
}

// note adds a figure without a limit.
func (r *report) note(what, format string, args ...any) {
	r.add(row{what: what, measured: fmt.Sprintf(format, args...)})
}

// check adds a figure that has limits.
func (r *report) check(what string, value float64, limits ...limit) {
	found := row{what: what, measured: figure(value), judged: true, ok: true}
	texts := make([]string, 0, len(limits))
	for _, l := range limits {
		texts = append(texts, l.text)
		found.ok = found.ok && l.holds(value)
	}
	found.limit = strings.Join(texts, ", ")
	r.add(found)
}

func (r *report) add(found row) {
	if r.within != "" {
		found.what = r.within + ": " + found.what
	}
	r.rows = append(r.rows, found)
}

func (r *report) fault(err error) { r.faults = append(r.faults, err) }

// broken tells whether a limit is broken, or could not be looked at.
func (r *report) broken() bool {
	for _, found := range r.rows {
		if found.judged && !found.ok {
			return true
		}
	}
	return len(r.faults) > 0
}

// String is the report as Markdown.
func (r *report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n", r.title)
	if r.about != "" {
		fmt.Fprintf(&text, "%s\n\n", r.about)
	}
	var t markdown.Table
	t.Add("", "measured", "limit", "")
	for _, found := range r.rows {
		verdict := ""
		switch {
		case found.judged && found.ok:
			verdict = "pass"
		case found.judged:
			verdict = "**FAIL**"
		}
		t.Add(found.what, found.measured, found.limit, verdict)
	}
	if len(r.rows) > 0 {
		text.WriteString(t.String() + "\n")
	}
	for _, err := range r.faults {
		fmt.Fprintf(&text, "**FAIL**: %s\n\n", err)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// limit is what a figure is held against.
type limit struct {
	text  string
	holds func(float64) bool // not for a figure that is no number
}

func atMost(most float64) limit {
	return limit{"≤ " + figure(most), func(x float64) bool { return x <= most }}
}

func below(top float64) limit {
	return limit{"< " + figure(top), func(x float64) bool { return x < top }}
}

func atLeast(least float64) limit {
	return limit{"≥ " + figure(least), func(x float64) bool { return x >= least }}
}

func exactly(want float64) limit {
	return limit{"= " + figure(want), func(x float64) bool { return x == want }}
}

// figure has three digits, or as many as it has before the point.
func figure(x float64) string {
	switch size := math.Abs(x); {
	case x == math.Trunc(x), size >= 100:
		return fmt.Sprintf("%.0f", x)
	case size >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

// quietTop is what a quiet tenant may notice of a noisy one whatever it has
// alone: p99 in ms.
const quietTop = 100

// quiet reports what a quiet load met alone and beside the noise, and holds the
// one against the other: p99 may be so many times as much. It also holds it
// against further limits.
func (r *report) quiet(alone, beside quietResult, times float64, further ...limit) {
	r.unhurt("quiet alone", alone)
	r.unhurt("quiet beside the noise", beside)
	r.check("quiet p99 beside the noise, ms", beside.Latency.P99, append([]limit{atMost(times * alone.Latency.P99)}, further...)...)
}

// unhurt reports a quiet load, all of which must have arrived once.
func (r *report) unhurt(what string, q quietResult) {
	r.note(what+", p50 / p95 / p99 / max in ms", "%s", spread(q.Latency))
	r.note("– of it until acceptance", "%s", spread(q.AcceptLatency))
	r.note("– from acceptance to first attempt", "%s", spread(q.AfterAcceptance))
	if problems := q.Problems(); len(problems) > 0 {
		r.fault(fmt.Errorf("%s: %s", what, strings.Join(problems, "; ")))
	}
}

func spread(s latency.Summary) string {
	return fmt.Sprintf("%.1f / %.1f / %.1f / %.1f", s.P50, s.P95, s.P99, s.Max)
}
