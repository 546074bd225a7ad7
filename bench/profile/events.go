package profile

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// MostSize is how many bytes a payload has at most.
const MostSize = 200_000

// Sizes of payloads are log-normal: half of them are above the median, and a
// multiple of it is as frequent as that part of it, as far as sizes go.
const (
	leastSize  = 200
	medianSize = 1 << 10
	sizeSpread = 1.2 // deviation of the natural logarithm
)

// Event is one that comes.
type Event struct {
	At     time.Duration // since the load began
	Tenant int
	Size   int  // bytes of the payload
	Burst  bool // of one, not of the usual flow
}

// Events are all that come before the span is over, in the order of time. The
// profile must be valid.
func (p Profile) Events(span time.Duration) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		flow, burst := p.newFlow(), p.newBurst()
		usual, more := flow.next(), burst.next()
		for {
			e := usual
			if more.At < usual.At {
				e, more = more, burst.next()
			} else {
				usual = flow.next()
			}
			if e.At >= span || !yield(e) {
				return
			}
		}
	}
}

// flow is what comes all day: a Poisson process whose rate changes each second of
// the day.
type flow struct {
	curve   *curve
	slot    int64   // since the beginning
	used    float64 // seconds of it that have passed
	tenants tenants
	*rand.Rand
}

func (p Profile) newFlow() *flow {
	random := p.random(flows)
	return &flow{curve: p.newCurve(), tenants: p.zipf(random), Rand: random}
}

// tenants draws them by the Zipf law.
type tenants struct{ *rand.Zipf }

func (p Profile) zipf(random *rand.Rand) tenants {
	return tenants{rand.NewZipf(random, p.Skew, 1, uint64(p.Tenants-1))} //nolint:gosec // they are positive
}

func (t tenants) next() int { return int(t.Uint64()) } //nolint:gosec // less than there are tenants

func (f *flow) next() Event {
	length := f.curve.slot.Seconds()
	for due := f.ExpFloat64(); ; {
		rate := f.curve.rate(f.slot)
		if left := rate * (length - f.used); due > left {
			due, f.slot, f.used = due-left, f.slot+1, 0
			continue
		}
		f.used += due / rate
		at := f.curve.start(f.slot) + seconds(f.used)
		return Event{At: at, Tenant: f.tenants.next(), Size: size(f.Rand)}
	}
}

// burst is one burst after the other, each in its own part of the day.
type burst struct {
	profile  Profile
	n        int64 // of those that have begun
	from, at time.Duration
	tenant   int
	tenants  tenants
	*rand.Rand
}

func (p Profile) newBurst() *burst {
	random := p.random(bursts)
	b := &burst{profile: p, tenants: p.zipf(random), Rand: random}
	if p.Bursts > 0 {
		b.begin()
	}
	return b
}

func (b *burst) begin() {
	count := int64(b.profile.Bursts)
	day, part := b.n/count, b.profile.Day/time.Duration(count)
	wait := time.Duration(b.Float64() * float64(part-b.profile.BurstSpan))
	b.from = time.Duration(day)*b.profile.Day + time.Duration(b.n%count)*part + wait
	b.at, b.tenant = b.from, b.tenants.next()
	b.n++
}

func (b *burst) next() Event {
	if b.profile.Bursts == 0 {
		return Event{At: math.MaxInt64}
	}
	for {
		b.at += seconds(b.ExpFloat64() / b.profile.BurstRate)
		if b.at < b.from+b.profile.BurstSpan {
			return Event{At: b.at, Tenant: b.tenant, Size: size(b.Rand), Burst: true}
		}
		b.begin()
	}
}

func size(random *rand.Rand) int {
	drawn := medianSize * math.Exp(sizeSpread*random.NormFloat64())
	return int(min(max(drawn, leastSize), MostSize))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
