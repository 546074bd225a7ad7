package findings

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/markdown"
)

// Run is all that a program found, as it is kept in a file.
type Run struct {
	Program string    `json:"program"`
	At      time.Time `json:"at"`
	Reports []*Report `json:"reports"`
}

// Save writes the run as JSON.
func (r Run) Save(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil { //nolint:gosec // to be read by all
		return fmt.Errorf("write run: %w", err)
	}
	return nil
}

// Load reads a run that was saved.
func Load(file string) (r Run, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, fmt.Errorf("read run: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read run %s: %w", file, err)
	}
	return r, nil
}

// Pair is one report of two runs.
type Pair struct {
	Title         string
	Before, After *Report
	Ratios        []Ratio
}

// Ratio is one number of both.
type Ratio struct {
	What          string
	Before, After float64
}

// Times is how many times as much it is after: NaN or infinite where it was
// nothing.
func (r Ratio) Times() float64 { return r.After / r.Before }

// Compare pairs the reports of the same title, and in them the numbers that both
// have. What only one of them has is left out.
func Compare(before, after Run) []Pair {
	var pairs []Pair
	for _, b := range before.Reports {
		for _, a := range after.Reports {
			if a.Title == b.Title {
				pairs = append(pairs, Pair{Title: b.Title, Before: b, After: a, Ratios: ratios(b, a)})
			}
		}
	}
	return pairs
}

func ratios(before, after *Report) []Ratio {
	values := map[string]float64{}
	for _, found := range after.Rows {
		if found.Value != nil {
			values[found.What] = *found.Value
		}
	}
	var all []Ratio
	for _, found := range before.Rows {
		if now, both := values[found.What]; both && found.Value != nil {
			all = append(all, Ratio{found.What, *found.Value, now})
		}
	}
	return all
}

// String is the pair as Markdown.
func (p Pair) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n", p.Title)
	for _, r := range []*Report{p.Before, p.After} {
		if r.About != "" {
			fmt.Fprintf(&text, "%s\n\n", r.About)
		}
	}
	var t markdown.Table
	t.Add("", "before", "after", "ratio")
	for _, r := range p.Ratios {
		t.Add(r.What, Number(r.Before), Number(r.After), r.Shown())
	}
	return text.String() + t.String()
}

// Shown is the ratio for people.
func (r Ratio) Shown() string {
	if finite(r.Times()) == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", r.Times())
}
