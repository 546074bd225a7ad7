// Package steps divides the CPU of the stages among the steps of an event's way:
// a stage does more than one of them, and a CPU profile of its process says for
// which. Nothing in the stages knows of it.
package steps

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Step is a part of the work on an event.
type Step string

// The steps, in the order of an event's way.
const (
	Accept  Step = "accept"  // the request: HTTP, who asks, what is wrong with it, the answer
	Store   Step = "store"   // the commit, and putting it on the stream
	Expand  Step = "expand"  // who wants it, and a delivery for each
	Attempt Step = "attempt" // taking the delivery from its lane, its turn, the call
	Record  Step = "record"  // writing down what came of it, and what that changes

	// Other is what the stages do beside: Go's scheduler and collector on their own
	// stacks, upkeep, retries, dead letters.
	Other Step = "other"
)

// all lists them.
func all() []Step { return []Step{Accept, Store, Expand, Attempt, Record, Other} }

// Cost is the CPU of one step, or of a process that could not be divided: a server,
// of which there is no profile, goes by its name.
type Cost struct {
	Of  string
	CPU time.Duration
}

// Divide divides the CPU of processes by their profiles: the steps in the order of an
// event's way, then the processes without a profile by their names. What a profile
// says are shares, so it need not be of the very time in which the CPU was spent.
// Processes go by the names of their stages, with a number if there are several of
// one: deliver-2. Without any profile there is nothing to say.
func Divide(cpu map[string]time.Duration, profiles map[string]*profile.Profile) []Cost {
	if len(profiles) == 0 {
		return nil
	}
	spent := map[Step]float64{}
	var rest []Cost
	for _, process := range slices.Sorted(maps.Keys(cpu)) {
		p, profiled := profiles[process]
		if !profiled {
			rest = append(rest, Cost{process, cpu[process]})
			continue
		}
		stage, _, _ := strings.Cut(process, "-")
		for step, share := range shares(stage, p) {
			spent[step] += share * float64(cpu[process])
		}
	}
	var costs []Cost
	for _, step := range all() {
		costs = append(costs, Cost{string(step), time.Duration(spent[step])})
	}
	return append(costs, rest...)
}

// shares says what part of a profile each step has. The parts add up to 1; a
// profile without a sample is all of Other.
//
// A sample counts for the innermost function that is known to belong to a step, so
// what is shared counts for whoever calls it.
func shares(stage string, p *profile.Profile) map[Step]float64 {
	known := rules()[stage]
	spent, whole := map[Step]int64{}, int64(0)
	for _, s := range p.Sample {
		cpu := s.Value[len(s.Value)-1] // the first, if there are two, is how many samples
		spent[stepOf(known, s)] += cpu
		whole += cpu
	}
	if whole == 0 {
		return map[Step]float64{Other: 1}
	}
	parts := map[Step]float64{}
	for step, cpu := range spent {
		parts[step] = float64(cpu) / float64(whole)
	}
	return parts
}

func stepOf(known []rule, s *profile.Sample) Step {
	for _, place := range s.Location { // from the innermost
		for _, line := range place.Line { // what was inlined there comes first
			if step := match(known, line.Function.Name); step != "" {
				return step
			}
		}
	}
	return Other
}

// match finds the longest prefix that is known of a function.
func match(known []rule, function string) (step Step) {
	longest := 0
	for _, r := range known {
		if len(r.prefix) > longest && strings.HasPrefix(function, r.prefix) {
			longest, step = len(r.prefix), r.step
		}
	}
	return step
}
