// Package findings is what a bench found: figures, each beside the limit that it
// is held against, and how things went over time. It is a table for people, one
// answer for whoever only wants to know, and a file that another run can be
// compared with.
package findings

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/markdown"
)

// Report is what was found, and whether it is within the limits.
type Report struct {
	Title  string   `json:"title"`
	About  string   `json:"about,omitempty"` // where it was measured
	Within string   `json:"-"`               // the run that the next rows are about, where there are several
	Rows   []Row    `json:"rows,omitempty"`
	Plots  []Plot   `json:"plots,omitempty"`
	Faults []string `json:"faults,omitempty"` // what kept it from being measured
}

// Row is one figure.
type Row struct {
	What     string   `json:"what"`
	Measured string   `json:"measured"`        // for people
	Value    *float64 `json:"value,omitempty"` // for programs, where it is a single number
	Limit    string   `json:"limit,omitempty"`
	Verdict  Verdict  `json:"verdict,omitempty"`
}

// Verdict is what a figure's limit makes of it. Without one there is none.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Fail Verdict = "FAIL"
)

// Plot is what something was like over time.
type Plot struct {
	Title string `json:"title"` // with the unit
	Lines []Line `json:"lines"`
}

// Line is one of its curves.
type Line struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is a value, so many seconds after the beginning.
type Point struct {
	At    float64 `json:"at"`
	Value float64 `json:"value"`
}

// Note adds what is no single number, without a limit.
func (r *Report) Note(what, format string, args ...any) {
	r.add(Row{What: what, Measured: fmt.Sprintf(format, args...)})
}

// Figure adds a number without a limit.
func (r *Report) Figure(what string, value float64) {
	r.add(Row{What: what, Measured: Number(value), Value: finite(value)})
}

// Latency adds what is asked of a histogram, each percentile a number.
func (r *Report) Latency(what string, s latency.Summary) {
	for _, p := range []struct {
		name  string
		value float64
	}{{"p50", s.P50}, {"p95", s.P95}, {"p98", s.P98}, {"p99", s.P99}, {"max", s.Max}} {
		r.Figure(what+", "+p.name+" in ms", p.value)
	}
}

// Check adds a number that has limits.
func (r *Report) Check(what string, value float64, limits ...Limit) {
	found := Row{What: what, Measured: Number(value), Value: finite(value), Verdict: Pass}
	texts := make([]string, 0, len(limits))
	for _, l := range limits {
		texts = append(texts, l.text)
		if !l.holds(value) {
			found.Verdict = Fail
		}
	}
	found.Limit = strings.Join(texts, ", ")
	r.add(found)
}

// finite is a number as JSON has it, which knows no others.
func finite(value float64) *float64 {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil
	}
	return &value
}

func (r *Report) add(found Row) {
	if r.Within != "" {
		found.What = r.Within + ": " + found.What
	}
	r.Rows = append(r.Rows, found)
}

// Fault adds what kept something from being measured, or a promise that is
// broken without a figure.
func (r *Report) Fault(err error) { r.Faults = append(r.Faults, err.Error()) }

// Broken tells whether a limit is broken, or could not be looked at.
func (r *Report) Broken() bool {
	return len(r.Faults) > 0 || slices.ContainsFunc(r.Rows, func(found Row) bool { return found.Verdict == Fail })
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
	for _, found := range r.Rows {
		verdict := string(found.Verdict)
		if found.Verdict == Fail {
			verdict = "**" + verdict + "**"
		}
		t.Add(found.What, found.Measured, found.Limit, verdict)
	}
	if len(r.Rows) > 0 {
		text.WriteString(t.String() + "\n")
	}
	for _, fault := range r.Faults {
		fmt.Fprintf(&text, "**FAIL**: %s\n\n", fault)
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
	return Limit{"≤ " + Number(most), func(x float64) bool { return x <= most }}
}

// Below keeps figures under the top.
func Below(top float64) Limit {
	return Limit{"< " + Number(top), func(x float64) bool { return x < top }}
}

// AtLeast keeps figures from the least on.
func AtLeast(least float64) Limit {
	return Limit{"≥ " + Number(least), func(x float64) bool { return x >= least }}
}

// Exactly keeps one figure.
func Exactly(want float64) Limit {
	return Limit{"= " + Number(want), func(x float64) bool { return x == want }}
}

// Number has three digits, or as many as it has before the point.
func Number(x float64) string {
	switch size := math.Abs(x); {
	case x == math.Trunc(x), size >= 100:
		return fmt.Sprintf("%.0f", x)
	case size >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}
