package meter

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/shared/stack"
)

// Names lists the processes: the stages in the order of an event's way, then all
// others.
func (c Cost) Names() []string {
	return inOrder(maps.Keys(c.CPU), func(name string) string { return name })
}

// Counted lists what was counted, in the same order.
func (c Cost) Counted() []Count {
	return inOrder(maps.Keys(c.Counts), func(n Count) string { return n.Of + " " + n.What })
}

func inOrder[K comparable](all iter.Seq[K], name func(K) string) []K {
	place := func(k K) int {
		stages := stack.Stages()
		if at := slices.IndexFunc(stages, func(stage string) bool { return strings.HasPrefix(name(k), stage) }); at >= 0 {
			return at
		}
		return len(stages)
	}
	return slices.SortedFunc(all, func(a, b K) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(name(a), name(b)))
	})
}

// Total is the CPU of all processes.
func (c Cost) Total() (sum time.Duration) {
	for _, spent := range c.CPU {
		sum += spent
	}
	return sum
}

// Report adds to a report what each of so many events cost.
func (c Cost) Report(r *findings.Report, events int64) {
	each := func(n float64) float64 { return n / float64(max(events, 1)) }
	micros := func(d time.Duration) float64 { return each(float64(d.Microseconds())) }
	for _, name := range c.Names() {
		r.Figure("CPU of each event, µs: "+name, micros(c.CPU[name]))
	}
	r.Figure("CPU of each event, µs: all of them", micros(c.Total()))
	r.Figure("CPU of each event, µs: (this bench)", micros(c.Bench))
	for _, name := range c.Names() {
		r.Figure("most memory, MiB: "+name, float64(c.Peak[name])/(1<<20))
	}
	for _, n := range c.Counted() {
		r.Figure("of each event, "+n.Of+": "+n.What, each(c.Counts[n]))
	}
	r.Plots = append(r.Plots, c.Plots...)
}
