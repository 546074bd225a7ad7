package receiver

import "time"

const (
	// maxSeconds is how long arrivals are counted by the second.
	maxSeconds = 3600

	// maxRecent caps the arrivals that are kept to find the fullest second. Of
	// more than that in a second, it says just that many.
	maxRecent = 1 << 15
)

// pace is how requests are spread over time.
type pace struct {
	first, last time.Time
	seconds     []int64     // since first
	recent      []time.Time // less than a second before last, oldest first
	most        int64       // the largest number that was ever in recent
}

// note counts a request. One that is noted after a later one counts as if it had
// come with it.
func (p *pace) note(at time.Time) {
	if p.first.IsZero() {
		p.first = at
	}
	if at.After(p.last) {
		p.last = at
	}
	if n := int(p.last.Sub(p.first) / time.Second); n < maxSeconds {
		for len(p.seconds) <= n {
			p.seconds = append(p.seconds, 0)
		}
		p.seconds[n]++
	}
	passed := 0
	for passed < len(p.recent) && p.last.Sub(p.recent[passed]) >= time.Second {
		passed++
	}
	p.recent = p.recent[passed:]
	if len(p.recent) < maxRecent {
		p.recent = append(p.recent, p.last)
	}
	p.most = max(p.most, int64(len(p.recent)))
}
