package fanout

import (
	"maps"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// bucket is a token bucket for each tenant: burst tokens when it is full, and a new
// one every interval. All that it remembers of a tenant is when its bucket will be
// full again, and of most tenants that is nothing.
type bucket struct {
	interval time.Duration
	burst    int

	full  map[event.ID]time.Time
	sweep time.Time // when those that are full again are forgotten
}

func newBucket(rate, burst int) bucket {
	return bucket{interval: time.Second / time.Duration(rate), burst: burst, full: make(map[event.ID]time.Time)}
}

// take takes a token out of the tenant's bucket if at least reserve others stay
// in it.
func (b *bucket) take(tenant event.ID, reserve int, now time.Time) bool {
	b.forget(now)
	full := b.full[tenant]
	if full.Before(now) {
		full = now
	}
	full = full.Add(b.interval)
	if full.Sub(now) > time.Duration(b.burst-reserve)*b.interval {
		return false
	}
	b.full[tenant] = full
	return true
}

// forget bounds what is remembered by the tokens that were taken in the last two
// times that an empty bucket takes to fill.
func (b *bucket) forget(now time.Time) {
	if now.Before(b.sweep) {
		return
	}
	maps.DeleteFunc(b.full, func(_ event.ID, full time.Time) bool { return !full.After(now) })
	b.sweep = now.Add(time.Duration(b.burst) * b.interval)
}
