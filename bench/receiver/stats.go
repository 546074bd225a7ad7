package receiver

import (
	"time"

	"github.com/postrider/postrider/bench/latency"
)

// Counts is what was counted. A delivery here is an event at one path, however
// many attempts it took; it is recognised by its path and webhook-id.
type Counts struct {
	Requests      int64 `json:"requests"`      // attempts that arrived
	Distinct      int64 `json:"distinct"`      // deliveries
	Accepted      int64 `json:"accepted"`      // attempts answered with success
	Successes     int64 `json:"successes"`     // deliveries that were answered with success
	Refused       int64 `json:"refused"`       // attempts answered with failure, as told
	Abandoned     int64 `json:"abandoned"`     // attempts that got no answer, as told or because the sender left
	Duplicates    int64 `json:"duplicates"`    // attempts of a delivery that had been accepted before
	BadSignatures int64 `json:"badSignatures"` // attempts not signed as they should be
	Unidentified  int64 `json:"unidentified"`  // attempts without webhook-id
	Forgotten     int64 `json:"forgotten"`     // attempts beyond what is remembered
	OutOfOrder    int64 `json:"outOfOrder"`    // deliveries accepted after one of the same path with a higher "number" in its payload

	InFlight      int64     `json:"inFlight"`      // requests that wait for their answer now
	MostInFlight  int64     `json:"mostInFlight"`  // the most that ever did at once
	MostAtOnePath int64     `json:"mostAtOnePath"` // and at a single path
	MostPerSecond int64     `json:"mostPerSecond"` // requests that came within a second, whenever it began
	Seconds       []int64   `json:"seconds"`       // requests that came in each second since First, of an hour at most
	First         time.Time `json:"first"`         // when the first request came
	Last          time.Time `json:"last"`          // and the last

	// Fingerprint is the sum of Fingerprint over all deliveries: who knows what
	// should have arrived can tell whether it is just that.
	Fingerprint uint64 `json:"fingerprint,string"`

	LastNew time.Time       `json:"lastNew"` // when the last new delivery arrived
	Latency latency.Summary `json:"latency"` // of first attempts, from "sent" in the payload to arrival
}

// Stats is what GET /_sink/stats answers: each class, and the sum of what can be
// added, so without latencies, seconds and what was the most.
type Stats struct {
	Total   Counts            `json:"total"`
	Classes map[string]Counts `json:"classes"`
}

// Stats returns what has been counted so far.
func (r *Receiver) Stats() Stats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	stats := Stats{Classes: make(map[string]Counts, len(r.classes))}
	for name, c := range r.classes {
		counts := c.snapshot()
		stats.Classes[name] = counts
		stats.Total.add(counts)
	}
	return stats
}

// Reset forgets what was counted in a class, or in all when it is empty.
// Secrets and behaviours stay.
func (r *Receiver) Reset(class string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, c := range r.classes {
		if class == "" || class == name {
			delete(r.classes, name)
			c.retire()
		}
	}
}

func (c *Counts) add(d Counts) {
	c.Requests += d.Requests
	c.Distinct += d.Distinct
	c.Accepted += d.Accepted
	c.Successes += d.Successes
	c.Refused += d.Refused
	c.Abandoned += d.Abandoned
	c.Duplicates += d.Duplicates
	c.BadSignatures += d.BadSignatures
	c.Unidentified += d.Unidentified
	c.Forgotten += d.Forgotten
	c.OutOfOrder += d.OutOfOrder
	c.InFlight += d.InFlight
	c.Fingerprint += d.Fingerprint
	if d.LastNew.After(c.LastNew) {
		c.LastNew = d.LastNew
	}
}

// Fingerprint is a number for a delivery, 64-bit FNV-1a of its path and event id.
func Fingerprint(path, id string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	sum := uint64(offset)
	for i := range len(path) {
		sum = (sum ^ uint64(path[i])) * prime
	}
	sum *= prime // as for a zero byte between them
	for i := range len(id) {
		sum = (sum ^ uint64(id[i])) * prime
	}
	return sum
}
