// Package findings is what a bench found: figures, each beside the limit that it
// is held against, as a table for people and as one answer for programs.
package findings

import (
	"fmt"
	"math"
	"strings"

	"github.com/postrider/postrider/bench/markdown"
)

// Report is what was found, and whether it is within the limits.
type Report struct {
	Title  string
	About  string // where it was measured
	Within string // the run that the next rows are about, where there are several

	rows   []row
	faults []error // what kept it from being measured
}

type row struct {
	what, measured, limit string
	judged, ok            bool
}

// Note adds a figure without a limit.
func (r *Report) Note(what, format string, args ...any) {
	r.add(row{what: what, measured: fmt.Sprintf(format, args...)})
}

// Check adds a figure that has limits.
func (r *Report) Check(what string, value float64, limits ...Limit) {
	found := row{what: what, measured: figure(value), judged: true, ok: true}
	texts := make([]string, 0, len(limits))
	for _, l := range limits {
		texts = append(texts, l.text)
		found.ok = found.ok && l.holds(value)
	}
	found.limit = strings.Join(texts, ", ")
	r.add(found)
}

func (r *Report) add(found row) {
	if r.Within != "" {
		found.what = r.Within + ": " + found.what
	}
	r.rows = append(r.rows, found)
}

// Fault adds what kept something from being measured, or a promise that is
// broken without a figure.
func (r *Report) Fault(err error) { r.faults = append(r.faults, err) }

// Broken tells whether a limit is broken, or could not be looked at.
func (r *Report) Broken() bool {
	for _, found := range r.rows {
		if found.judged && !found.ok {
			return true
		}
	}
	return len(r.faults) > 0
}

// String is the report as Markdown.
func (r *Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n", r.Title)
	if r.About != "" {
		fmt.Fprintf(&text, "%s\n\n", r.About)
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

// Limit is what a figure is held against.
type Limit struct {
	text  string
	holds func(float64) bool // not for a figure that is no number
}

// AtMost keeps figures up to the most.
func AtMost(most float64) Limit {
	return Limit{"≤ " + figure(most), func(x float64) bool { return x <= most }}
}

// Below keeps figures under the top.
func Below(top float64) Limit {
	return Limit{"< " + figure(top), func(x float64) bool { return x < top }}
}

// AtLeast keeps figures from the least on.
func AtLeast(least float64) Limit {
	return Limit{"≥ " + figure(least), func(x float64) bool { return x >= least }}
}

// Exactly keeps one figure.
func Exactly(want float64) Limit {
	return Limit{"= " + figure(want), func(x float64) bool { return x == want }}
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
