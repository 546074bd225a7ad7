package receiver

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/bench/latency"
)

// otherClass counts what has no place in a class of its own.
const otherClass = "(other)"

// class counts deliveries under one name.
type class struct {
	capacity int64         // of all classes together, in ids
	ids      *atomic.Int64 // how much of it is used

	mu      sync.Mutex
	counts  Counts
	times   *latency.Histogram // nil until something is timed
	pace    pace
	flights map[string]int64   // requests in flight, by path
	newest  map[string]int64   // the highest number that was accepted, by path
	arrived map[uint64]arrival // by Fingerprint
}

// arrival is what is remembered of a delivery.
type arrival struct {
	attempts int32
	accepted bool // one of them was answered with success
}

// class returns the class of that name.
func (r *Receiver) class(name string) *class {
	r.mu.RLock()
	c := r.classes[name]
	r.mu.RUnlock()
	if c != nil {
		return c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.classes[name]; c != nil {
		return c
	}
	if len(r.classes) >= maxClasses-1 {
		name = otherClass
		if c := r.classes[name]; c != nil {
			return c
		}
	}
	c = &class{capacity: int64(r.options.Remember), ids: &r.ids, arrived: map[uint64]arrival{}, flights: map[string]int64{}, newest: map[string]int64{}}
	r.classes[name] = c
	return c
}

// enter notes that a request has come; leave must follow.
func (c *class) enter(path string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.note(at)
	c.flights[path]++
	c.counts.InFlight++
	c.counts.MostInFlight = max(c.counts.MostInFlight, c.counts.InFlight)
	c.counts.MostAtOnePath = max(c.counts.MostAtOnePath, c.flights[path])
}

func (c *class) leave(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.InFlight--
	if c.flights[path]--; c.flights[path] == 0 {
		delete(c.flights, path)
	}
}

// arrive counts a genuine delivery and returns the number of this attempt. took
// is how long it took from being sent; negative is not known. Only the first
// attempt is timed: later ones come when the sender's schedule says.
func (c *class) arrive(key uint64, took time.Duration, at time.Time) (attempt int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Requests++
	a, known := c.arrived[key]
	switch {
	case known && a.accepted:
		c.counts.Duplicates++
	case known:
	case c.ids.Add(1) > c.capacity:
		c.ids.Add(-1)
		c.counts.Forgotten++
		return 1
	default:
		c.counts.Distinct++
		c.counts.Fingerprint += key
		c.counts.LastNew = at
		if took >= 0 {
			c.time(took)
		}
	}
	a.attempts++
	c.arrived[key] = a
	return int(a.attempts)
}

func (c *class) time(took time.Duration) {
	if c.times == nil {
		c.times = latency.New()
	}
	c.times.Record(took)
}

// accept notes that a delivery was answered with success: when it comes again,
// it is a duplicate. It is out of order when an event with a higher number had
// its success at this path before.
func (c *class) accept(key uint64, path string, number int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Accepted++
	a, known := c.arrived[key]
	if !known || a.accepted {
		return
	}
	a.accepted = true
	c.arrived[key] = a
	c.counts.Successes++
	if number == unnumbered {
		return
	}
	if newest, known := c.newest[path]; known && number < newest {
		c.counts.OutOfOrder++
		return
	}
	c.newest[path] = number
}

// count changes a counter that no delivery's memory hangs on.
func (c *class) count(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.counts)
}

func (c *class) snapshot() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.First, counts.Last = c.pace.first, c.pace.last
	counts.MostPerSecond, counts.Seconds = c.pace.most, slices.Clone(c.pace.seconds)
	if c.times != nil {
		counts.Latency = c.times.Summary()
	}
	return counts
}

// retire gives back the class's share of the memory. What is still on its way
// into it finds no room.
func (c *class) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids.Add(-int64(len(c.arrived)))
	c.capacity, c.arrived = 0, nil
	c.newest = map[string]int64{}
}
