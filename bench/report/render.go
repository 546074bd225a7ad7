package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/findings"
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
		if len(phases[0].steps) > 0 {
			text.WriteString("The same by the steps of an event's way, as CPU profiles of the stages divide it; \"other\" is their schedulers, collectors and upkeep:\n\n")
			fmt.Fprintf(&text, "%s\n", bySteps(phases))
		}
		if len(phases[0].cost.Counts) > 0 {
			text.WriteString("And what else it took of the servers and the stages:\n\n")
			fmt.Fprintf(&text, "%s\n", counts(phases))
		}
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
	for _, name := range phases[0].cost.Names() {
		s.row(name, func(p phase) string { return perDelivery(p.cost.CPU[name], p) })
	}
	s.row("**sum**", func(p phase) string { return perDelivery(p.cost.Total(), p) })
	s.row("(generator and receivers)", func(p phase) string { return perDelivery(p.cost.Bench, p) })
	return s.String()
}

func bySteps(phases []phase) string {
	s := newSheet(phases)
	for i, each := range phases[0].steps { // all have the same
		s.row(each.Of, func(p phase) string { return perDelivery(p.steps[i].CPU, p) })
	}
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
	for _, name := range phases[0].cost.Names() {
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

// counts is what else a delivered event took.
func counts(phases []phase) string {
	s := newSheet(phases)
	for _, n := range phases[0].cost.Counted() {
		s.row(n.Of+": "+n.What, func(p phase) string {
			if p.result.Delivered == 0 {
				return "–"
			}
			return findings.Number(p.cost.Counts[n] / float64(p.result.Delivered))
		})
	}
	return s.String()
}

// found is the same for programs, and with plots.
func found(m machine.Machine, load string, phases []phase) findings.Run {
	run := findings.Run{Program: "bench", At: m.At}
	for _, p := range phases {
		r := &findings.Report{Title: p.kind, About: fmt.Sprintf("%s: %s %s", p.name, load, m)}
		r.Figure("accepted events/s", p.result.AcceptedPerSecond())
		r.Figure("delivered/s, to the last one", p.result.DeliveredPerSecond())
		r.Figure("delivered/s, while sending", p.result.InTimePerSecond())
		r.Latency("first attempt", p.result.Latency)
		r.Latency("acceptance", p.result.AcceptLatency)
		p.cost.Report(r, p.result.Delivered)
		for _, each := range p.steps {
			r.Figure("CPU of each event by step, µs: "+each.Of, float64(each.CPU.Microseconds())/float64(max(p.result.Delivered, 1)))
		}
		for _, problem := range p.result.Problems() {
			r.Fault(errors.New(problem))
		}
		run.Reports = append(run.Reports, r)
	}
	return run
}
