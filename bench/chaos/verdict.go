package main

import (
	"cmp"
	"slices"
	"time"
)

// verdict is what a comparison of the two sides of a ledger shows.
type verdict struct {
	accepted  int // events
	expected  int // deliveries of them
	delivered int
	dead      int // not delivered, but in the list of dead letters
	strangers int // delivered, of events whose 202 never arrived

	lost    []missing
	changed []delivery // arrived with another body than was accepted
	twins   int        // one post was stored as two events
	repeats []repeat
	waits   []wait // for the first attempt, in ascending order
}

// wait is how long after its acceptance a delivery had its first attempt.
type wait struct {
	missing // what it was until then
	took    time.Duration
}

// missing is a delivery that is neither delivered nor dead.
type missing struct {
	delivery
	app      string
	accepted time.Time
	attempts int // that arrived and were refused
}

// repeat is an arrival of what had been delivered before.
type repeat struct {
	delivery
	first, again arrival
}

// compare holds what arrived against what was accepted. Each event is expected at
// all paths of its application; those that are dead are excused.
func (l *ledger) compare(paths map[string][]string, dead map[delivery]bool) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := verdict{accepted: len(l.accepted), twins: len(l.twins)}
	for message, a := range l.accepted {
		for _, path := range paths[a.app] {
			v.expected++
			key := delivery{message, path}
			arrivals := l.arrived[key]
			switch {
			case slices.ContainsFunc(arrivals, arrival.succeeded):
				v.delivered++
			case dead[key]:
				v.dead++
			default:
				v.lost = append(v.lost, missing{key, a.app, a.at, len(arrivals)})
			}
			if len(arrivals) > 0 {
				v.waits = append(v.waits, wait{missing{key, a.app, a.at, len(arrivals)}, max(arrivals[0].at.Sub(a.at), 0)})
			}
		}
	}
	strangers := map[string]bool{}
	for key, arrivals := range l.arrived {
		a, known := l.accepted[key.message]
		if !known {
			strangers[key.message] = true
		} else if slices.ContainsFunc(arrivals, func(each arrival) bool { return each.body != a.body }) {
			v.changed = append(v.changed, key)
		}
		v.repeats = append(v.repeats, repeatsOf(key, arrivals)...)
	}
	v.strangers = len(strangers)
	slices.SortFunc(v.waits, func(a, b wait) int { return cmp.Compare(a.took, b.took) })
	slices.SortFunc(v.lost, func(a, b missing) int { return a.accepted.Compare(b.accepted) })
	slices.SortFunc(v.repeats, func(a, b repeat) int { return a.again.at.Compare(b.again.at) })
	slices.SortFunc(v.changed, func(a, b delivery) int { return cmp.Compare(a.message+a.path, b.message+b.path) })
	return v
}

// repeatsOf finds the arrivals after the first that was answered with success.
// An attempt that was refused is meant to be repeated.
func repeatsOf(key delivery, arrivals []arrival) []repeat {
	ordered := slices.SortedFunc(slices.Values(arrivals), func(a, b arrival) int { return a.answered.Compare(b.answered) })
	first := slices.IndexFunc(ordered, arrival.succeeded)
	if first < 0 {
		return nil
	}
	var found []repeat
	for _, again := range ordered[first+1:] {
		found = append(found, repeat{key, ordered[first], again})
	}
	return found
}

// outstanding counts the deliveries that are neither made nor dead, by
// application.
func (v verdict) outstanding() map[string]int {
	apps := map[string]int{}
	for _, m := range v.lost {
		apps[m.app]++
	}
	return apps
}

// late lists the deliveries that waited longer for their first attempt.
func (v verdict) late(than time.Duration) []wait {
	i, _ := slices.BinarySearchFunc(v.waits, than+1, func(w wait, d time.Duration) int { return cmp.Compare(w.took, d) })
	return v.waits[i:]
}

// waited is how long that part of all deliveries waited, at most.
func (v verdict) waited(part float64) time.Duration {
	if len(v.waits) == 0 {
		return 0
	}
	return v.waits[min(int(part*float64(len(v.waits))), len(v.waits)-1)].took
}
