package main

import (
	"math/rand/v2"
	"time"
)

// blow is one trouble that is to be made.
type blow struct {
	after  time.Duration // of the start of the run
	kind   kind
	target target
	span   time.Duration // how long it lasts, for those that last
	pick   int           // which connection, for those that cut one
}

// What a plan keeps to. A blow may come while the system still recovers from the
// one before; on average it does not.
const (
	firstBlow    = 3 * time.Second
	shortestGap  = 2 * time.Second
	longestGap   = 8 * time.Second
	shortestSpan = 200 * time.Millisecond
	longestSpan  = 5 * time.Second
)

// plan makes the blows of a run of a seed: the same for the same seed, processes
// and links.
func plan(seed uint64, span time.Duration, processes, links []target) []blow {
	source := rand.New(rand.NewPCG(seed, 0))
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(source.Int64N(int64(most-least)))
	}
	var blows []blow
	for after := firstBlow; after < span; after += between(shortestGap, longestGap) {
		b := blow{after: after, span: between(shortestSpan, longestSpan), pick: source.IntN(64)}
		among := links
		switch chance := source.IntN(100); {
		case chance < 40:
			b.kind, among = killed, processes
		case chance < 60:
			b.kind, among = frozen, processes
		case chance < 72:
			b.kind = cutOne
		case chance < 84:
			b.kind = cut
		default:
			b.kind = hung
		}
		b.target = among[source.IntN(len(among))]
		blows = append(blows, b)
	}
	return blows
}
