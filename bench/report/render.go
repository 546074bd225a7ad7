package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/machine"
	"github.com/postrider/postrider/bench/markdown"
)

// render writes the report.
func render(m machine.Machine, load string, phases []phase) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# What `make bench` measured\n\n%s\n\n", m)
	if len(phases) == 0 {
		return text.String()
	}
	fmt.Fprintf(&text, "%s\n\n%s\n", load, speed(phases))
	if len(phases[0].cost.CPU) > 0 {
		text.WriteString("CPU per delivered event, in µs, from the first request to the last arrival:\n\n")
		fmt.Fprintf(&text, "%s\n", cpu(phases))
		text.WriteString("Resident memory at the end and at its peak, in MiB. PostgreSQL is all its processes, what they share counted once:\n\n")
		fmt.Fprintf(&text, "%s\n", memory(phases))
	}
	for _, p := range phases {
		fmt.Fprintf(&text, "- %s: %s\n", p.name, verdict(p))
	}
	return text.String()
}

// verdict is the sum that must come out even.
func verdict(p phase) string {
	problems := p.result.Problems()
	if len(problems) == 0 {
		return fmt.Sprintf("%d accepted, %d delivered, nothing missing, nothing double", p.result.Accepted, p.result.Delivered)
	}
	return "WRONG: " + strings.Join(problems, "; ")
}

// sheet is a table that has a column for each phase.
type sheet struct {
	phases []phase
	markdown.Table
}

func newSheet(phases []phase) *sheet {
	s := &sheet{phases: phases}
	s.row("", func(p phase) string { return p.name })
	return s
}

func (s *sheet) row(name string, value func(phase) string) {
	cells := []string{name}
	for _, p := range s.phases {
		cells = append(cells, value(p))
	}
	s.Add(cells...)
}

func speed(phases []phase) string {
	s := newSheet(phases)
	s.row("accepted events/s", func(p phase) string { return fmt.Sprintf("%.0f", p.result.AcceptedPerSecond()) })
	s.row("delivered/s, to the last one", func(p phase) string { return fmt.Sprintf("%.0f", p.result.DeliveredPerSecond()) })
	s.row("delivered/s, while sending", func(p phase) string { return fmt.Sprintf("%.0f", p.result.InTimePerSecond()) })
	s.row("first attempt p50 / p95 / p99, ms", func(p phase) string { return percentiles(p.result.Latency) })
	s.row("acceptance p50 / p95 / p99, ms", func(p phase) string { return percentiles(p.result.AcceptLatency) })
	return s.String()
}

func percentiles(s latency.Summary) string {
	return fmt.Sprintf("%.1f / %.1f / %.1f", s.P50, s.P95, s.P99)
}

func cpu(phases []phase) string {
	s := newSheet(phases)
	for _, name := range processes(phases) {
		s.row(name, func(p phase) string { return perDelivery(p.cost.CPU[name], p) })
	}
	s.row("**sum**", func(p phase) string {
		var sum time.Duration
		for _, spent := range p.cost.CPU {
			sum += spent
		}
		return perDelivery(sum, p)
	})
	s.row("(generator and receivers)", func(p phase) string { return perDelivery(p.cost.Bench, p) })
	return s.String()
}

func perDelivery(spent time.Duration, p phase) string {
	if p.result.Delivered == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", float64(spent.Microseconds())/float64(p.result.Delivered))
}

func memory(phases []phase) string {
	s := newSheet(phases)
	for _, name := range processes(phases) {
		s.row(name, func(p phase) string { return mebibytes(p.cost.Memory[name], p.cost.Peak[name]) })
	}
	s.row("**sum**", func(p phase) string {
		var end, peak int64
		for name := range p.cost.Memory {
			end += p.cost.Memory[name]
			peak += p.cost.Peak[name]
		}
		return mebibytes(end, peak)
	})
	return s.String()
}

func mebibytes(end, peak int64) string {
	return fmt.Sprintf("%.0f / %.0f", float64(end)/(1<<20), float64(peak)/(1<<20))
}

// processes lists the measured ones: the stages in the order of an event's way,
// then all others.
func processes(phases []phase) []string {
	way := []string{"ingest", "fanout", "deliver", "retry", "dlq"}
	place := func(name string) int {
		if at := slices.Index(way, name); at >= 0 {
			return at
		}
		return len(way)
	}
	return slices.SortedFunc(maps.Keys(phases[0].cost.CPU), func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
	})
}
