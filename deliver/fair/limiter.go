package fair

import (
	"context"
	"time"

	"github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"

	"github.com/postrider/postrider/shared/event"
)

const (
	// never is longer than any bucket lives: see limits.
	never = 1000 * time.Hour

	// A bucket is swept up when it was not refilled for longer.
	bucketLife  = time.Minute
	bucketSweep = 10 * time.Minute
)

// limits keeps tenants and endpoints below their rates. A rate of 100 a second is
// ten tokens each 100 ms, one of 5 is one token each 200 ms: so no second sees
// more than the rate and one refill, or where the rate is no whole number of
// refills, two.
//
// The store counts the tokens and we refill them, because it would go by the wall
// clock: where that is set back nothing would be refilled until it has caught up,
// and no test could hold it.
type limits struct {
	ctx     context.Context //nolint:containedctx // the store wants one, and has no use for it
	store   limiter.Store
	buckets map[event.ID]*bucket
	used    list[*bucket] // the one that was used least lately comes first
}

type bucket struct {
	id     event.ID
	key    string
	refill time.Time // when its tokens are filled up
	every  time.Duration
	place  link[*bucket]
}

func newLimits() limits {
	store, err := memorystore.New(&memorystore.Config{
		Interval: never, SweepInterval: bucketSweep, SweepMinTTL: bucketLife, InitialAlloc: 16,
	})
	if err != nil {
		panic(err) // it has no errors to return
	}
	return limits{ctx: context.Background(), store: store, buckets: make(map[event.ID]*bucket)}
}

// close ends what the store does by itself.
func (l *limits) close() { _ = l.store.Close(l.ctx) }

// tokens is how many a rate fills up together, and how often. The interval is
// rounded up, so that no second sees one more.
func tokens(rate int) (n int, every time.Duration) {
	n = max(rate/10, 1)
	return n, (time.Duration(n)*time.Second + time.Duration(rate) - 1) / time.Duration(rate)
}

// ready reports whether id may start something now, or else when. A rate of 0 is
// no limit. One that has changed counts from the next refill on.
func (l *limits) ready(id event.ID, rate int, now time.Time) (bool, time.Time) {
	b := l.buckets[id]
	if rate <= 0 || b == nil || !now.Before(b.refill) {
		return true, time.Time{}
	}
	_, left, err := l.store.Get(l.ctx, b.key)
	return err == nil && left > 0, b.refill
}

// usedUp counts who has to wait for its next refill.
func (l *limits) usedUp(now time.Time) (n int) {
	for k := l.used.first; k != nil; k = k.next {
		if ready, _ := l.ready(k.item.id, 1, now); !ready {
			n++
		}
	}
	return n
}

// take takes a token, of which ready has said that it is there.
func (l *limits) take(id event.ID, rate int, now time.Time) {
	if rate <= 0 {
		return
	}
	b := l.buckets[id]
	if b == nil {
		b = &bucket{id: id, key: string(id[:])}
		b.place.item = b
		l.buckets[id] = b
	}
	if !now.Before(b.refill) {
		l.fill(b, rate, now)
	}
	_, _, _, _, _ = l.store.Take(l.ctx, b.key) //nolint:dogsled // it has no errors but that it is closed
	b.place.move(&l.used)
	l.sweep(now)
}

// fill begins the next interval: where the one before ended, if that was just
// now, since whoever looks is always late by a little.
func (l *limits) fill(b *bucket, rate int, now time.Time) {
	began := b.refill
	if now.Sub(began) >= b.every {
		began = now
	}
	n, every := tokens(rate)
	b.every = every
	b.refill = began.Add(every)
	_ = l.store.Set(l.ctx, b.key, uint64(n), never) //nolint:gosec // positive
}

// sweep forgets buckets that are as good as new.
func (l *limits) sweep(now time.Time) {
	for k := l.used.first; k != nil && now.Sub(k.item.refill) >= k.item.every; k = l.used.first {
		k.remove()
		delete(l.buckets, k.item.id)
	}
}
