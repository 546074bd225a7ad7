// Package quota counts what callers do against what they may do, in buckets of
// tokens that fill up at a steady rate. It remembers a bounded number of callers:
// one that it has forgotten begins with a full bucket.
package quota

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// capacity is how many callers of a kind are remembered, at some 200 bytes each.
const capacity = 16 << 10

// Quota bounds how often each caller may do something. It is safe for concurrent
// use.
type Quota[K comparable] struct {
	perSecond rate.Limit
	burst     int

	mu      sync.Mutex
	buckets recent[K, *rate.Limiter]
}

// New makes a quota of so many a second, and so many at once. At zero a second
// there is none, and everything may be done.
func New[K comparable](perSecond float64, burst int) *Quota[K] {
	return &Quota[K]{perSecond: rate.Limit(perSecond), burst: burst, buckets: newRecent[K, *rate.Limiter](capacity)}
}

// Standing is how a caller stands with a quota.
type Standing struct {
	Allowed bool
	Limit   int           // that could be done at once with a full bucket; 0: there is no quota
	Left    int           // that can be done at once now
	Full    time.Duration // until the bucket is full again
	Retry   time.Duration // until the next can be done; 0: now
}

// Take does one, if it may be done.
func (q *Quota[K]) Take(key K) Standing { return q.stand(key, true) }

// Look tells what Take would.
func (q *Quota[K]) Look(key K) Standing { return q.stand(key, false) }

func (q *Quota[K]) stand(key K, take bool) Standing {
	if q.perSecond <= 0 {
		return Standing{Allowed: true}
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	bucket, ok := q.buckets.get(key)
	switch {
	case !ok && !take:
		return Standing{Allowed: true, Limit: q.burst, Left: q.burst}
	case !ok:
		bucket = rate.NewLimiter(q.perSecond, q.burst)
		q.buckets.put(key, bucket)
	}
	allowed := bucket.TokensAt(now) >= 1
	if take && allowed {
		bucket.AllowN(now, 1)
	}
	left := bucket.TokensAt(now)
	return Standing{
		Allowed: allowed, Limit: q.burst, Left: int(math.Floor(max(left, 0))),
		Full: q.until(float64(q.burst) - left), Retry: q.until(1 - left),
	}
}

// until is how long it takes for so many tokens to come.
func (q *Quota[K]) until(tokens float64) time.Duration {
	return time.Duration(max(tokens, 0) / float64(q.perSecond) * float64(time.Second))
}
