package sender

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/latency"
)

// Result is what came of a run. A delivery is an event at one endpoint.
type Result struct {
	Sending  time.Duration    // from the first request to the last answer
	Accepted int64            // events
	Failed   int64            // events that were given up
	Unsent   int64            // events whose time had come but for which no sender was ever free
	Errors   map[string]int64 // requests without success, by status or kind

	Expected      int64         // deliveries, for what was accepted
	Fingerprint   uint64        // of what is expected: the sum of receiver.Fingerprint
	Delivered     int64         // of them and others, each counted once
	InTime        int64         // those that had arrived when the sending ended
	Delivering    time.Duration // from the first request to the last new arrival
	Missing       int64         // accepted and not delivered
	Surplus       int64         // delivered and not known to be accepted
	Mistaken      bool          // as many as expected, but not the same
	Duplicates    int64
	BadSignatures int64
	Forgotten     int64 // beyond the receiver's memory: the counts say nothing then

	AcceptLatency latency.Summary // from when an event was due to its acceptance
	Latency       latency.Summary // from when it was due to the arrival of its first attempt
}

func (r *Run) result() Result {
	result := Result{
		Sending:       r.sending,
		Unsent:        r.unsent,
		Delivered:     r.counts.Distinct,
		InTime:        r.early.Distinct,
		Duplicates:    r.counts.Duplicates,
		BadSignatures: r.counts.BadSignatures,
		Forgotten:     r.counts.Forgotten,
		Latency:       r.counts.Latency,
	}
	r.tally.fill(&result)
	if !r.counts.LastNew.IsZero() {
		result.Delivering = r.counts.LastNew.Sub(r.start)
	}
	result.Missing = max(0, result.Expected-result.Delivered)
	result.Surplus = max(0, result.Delivered-result.Expected)
	result.Mistaken = result.Delivered == result.Expected && r.counts.Fingerprint != result.Fingerprint
	return result
}

// AcceptedPerSecond is the mean rate while sending.
func (r Result) AcceptedPerSecond() float64 { return perSecond(r.Accepted, r.Sending) }

// DeliveredPerSecond is the mean rate from the first request to the last
// arrival, the time of working off what had queued up included.
func (r Result) DeliveredPerSecond() float64 { return perSecond(r.Delivered, r.Delivering) }

// InTimePerSecond is the mean rate of deliveries while sending.
func (r Result) InTimePerSecond() float64 { return perSecond(r.InTime, r.Sending) }

func perSecond(n int64, span time.Duration) float64 {
	if span <= 0 {
		return 0
	}
	return float64(n) / span.Seconds()
}

// Problems names what should not be, nothing when all is well.
func (r Result) Problems() []string {
	var found []string
	add := func(n int64, what string) {
		if n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, what))
		}
	}
	if r.Accepted == 0 {
		found = append(found, "nothing was accepted")
	}
	add(r.Failed, "events failed"+r.errorList())
	add(r.Unsent, "events not sent in time")
	add(r.Missing, "deliveries missing")
	add(r.Surplus, "deliveries of what was not accepted")
	add(r.Duplicates, "duplicates")
	add(r.BadSignatures, "bad signatures")
	add(r.Forgotten, "deliveries beyond the sink's memory (-remember)")
	if r.Mistaken {
		found = append(found, "what was delivered is not what was accepted")
	}
	return found
}

func (r Result) errorList() string {
	kinds := make([]string, 0, len(r.Errors))
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		kinds = append(kinds, fmt.Sprintf("%s × %d", kind, r.Errors[kind]))
	}
	if len(kinds) == 0 {
		return ""
	}
	return " (" + strings.Join(kinds, ", ") + ")"
}

// String is the result for people, in some lines.
func (r Result) String() string {
	var text strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&text, "%-18s "+format+"\n", append([]any{name}, args...)...)
	}
	line("accepted", "%d events in %.1f s: %.0f/s%s", r.Accepted, r.Sending.Seconds(), r.AcceptedPerSecond(), r.errorList())
	line("accept latency", "%s", r.AcceptLatency)
	line("delivered", "%d of %d in %.1f s: %.0f/s (while sending: %.0f/s)",
		r.Delivered, r.Expected, r.Delivering.Seconds(), r.DeliveredPerSecond(), r.InTimePerSecond())
	line("first attempt", "%s", r.Latency)
	if problems := r.Problems(); len(problems) > 0 {
		line("problems", "%s", strings.Join(problems, "; "))
	} else {
		line("problems", "none: nothing missing, nothing double, no bad signature")
	}
	return text.String()
}
