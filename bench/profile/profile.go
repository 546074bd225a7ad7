// Package profile is the load of an installation as data: a billion events a
// month as they really come, from a seed. The day has a peak and a low, the full
// and the half hour a spike, and now and then a partner's batch job sends forty
// times the average within a second. Few tenants have most of the events, some
// have many endpoints, and some endpoints are slow, fail or are dead.
//
// The same profile gives the same events, byte for byte, on machines of one
// architecture (others may round otherwise). They are made one after the other:
// a month takes no more memory than a minute.
package profile

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Average is a billion events in a month of thirty days, a second.
const Average = 1e9 / (30 * 24 * 3600)

const wholeDay = 24 * time.Hour

// What a month is like.
const (
	monthlyTenants = 10_000
	monthlySkew    = 1.07
	monthlySwing   = 0.6
	monthlySpike   = 8

	burstsADay = 12
	burstTimes = 40
	burstSpan  = 10 * time.Second
)

// Profile says what comes. It can be kept as JSON. Tenants are numbers from 0 on,
// the busiest first.
type Profile struct {
	Seed uint64

	// Rate is how many events come in a second on average, bursts not counted.
	Rate float64

	// Day is how long a day takes. In less than 24 hours time is compressed: the
	// curve of the day and the spikes are as much shorter, and the rates stay. A
	// load begins at midnight.
	Day time.Duration

	// Swing is by which share of the average the afternoon is above it and the
	// night below.
	Swing float64

	// Spike is how many times as much more comes at the full hour, and half of it
	// at the half hour. Both are over within a minute, and the average is as said.
	Spike float64

	// Bursts is how many there are in a day, each of one tenant: so many events a
	// second for so long, on top of the rest. Seconds of a burst stay seconds.
	Bursts    int
	BurstRate float64
	BurstSpan time.Duration

	// Tenants is how many there are, and Skew the exponent of the Zipf law by which
	// they have events: more than 1, and the larger the more uneven.
	Tenants int
	Skew    float64

	// FanOut is which share of tenants has how many endpoints; without it all have
	// one.
	FanOut []FanOut

	// Which shares of endpoints are ill; the others are healthy.
	Slow, Failing, Dead float64
}

// FanOut is a share of tenants, and how many endpoints each of them has.
type FanOut struct {
	Share     float64
	Endpoints int
}

// Month is a billion events a month, where a day takes so long.
func Month(seed uint64, day time.Duration) Profile {
	return Profile{
		Seed: seed, Rate: Average, Day: day, Swing: monthlySwing, Spike: monthlySpike,
		Bursts:    max(1, int(math.Round(burstsADay*float64(day)/float64(wholeDay)))),
		BurstRate: burstTimes * Average, BurstSpan: burstSpan,
		Tenants: monthlyTenants, Skew: monthlySkew,
		FanOut: []FanOut{{0.70, 1}, {0.15, 2}, {0.08, 3}, {0.05, 5}, {0.018, 10}, {0.002, 50}},
		Slow:   0.02, Failing: 0.02, Dead: 0.01,
	}
}

// Even is events at random moments, so many a second on average, with neither
// peaks nor endpoints that are ill: one for each of so many tenants.
func Even(seed uint64, rate float64, tenants int) Profile {
	return Profile{Seed: seed, Rate: rate, Day: wholeDay, Tenants: tenants, Skew: monthlySkew}
}

// Validate returns all that is wrong, joined.
func (p Profile) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(p.Rate > 0 && p.Rate <= 1e6, "rate must be above 0 and at most 1,000,000")
	check(p.Day >= time.Second && p.Day <= wholeDay, "day must be between 1s and 24h")
	check(p.Swing >= 0 && p.Swing < 1, "swing must be from 0 to below 1")
	check(p.Spike >= 0 && p.Spike <= 1000, "spike must be between 0 and 1000")
	check(p.Tenants > 0 && p.Tenants <= 1e6, "tenants must be between 1 and 1,000,000")
	check(p.Skew > 1 && p.Skew <= 10, "skew must be above 1 and at most 10")
	check(p.Bursts >= 0, "bursts must not be negative")
	if p.Bursts > 0 {
		check(p.BurstRate > 0 && p.BurstRate <= 1e6, "burst rate must be above 0 and at most 1,000,000")
		check(p.BurstSpan > 0 && p.BurstSpan <= p.Day/time.Duration(p.Bursts), "the bursts of a day must fit into it")
	}
	check(min(p.Slow, p.Failing, p.Dead) >= 0 && p.Slow+p.Failing+p.Dead <= 1, "shares of ill endpoints must not be negative, and 1 together at most")
	for _, f := range p.FanOut {
		check(f.Share >= 0 && f.Endpoints >= 0 && f.Endpoints <= 100_000, "fan-out must not be negative, and 100,000 endpoints at most")
	}
	return errors.Join(faults...)
}

// Health is how an endpoint does.
type Health string

// Endpoints that are ill answer late, answer every attempt with an error, or
// never answer.
const (
	Healthy Health = "healthy"
	Slow    Health = "slow"
	Failing Health = "failing"
	Dead    Health = "dead"
)

// Endpoints are those of a tenant, which get each of its events.
func (p Profile) Endpoints(tenant int) []Health {
	all := make([]Health, p.fanOut(tenant))
	for i := range all {
		all[i] = p.health(tenant, i)
	}
	return all
}

func (p Profile) fanOut(tenant int) int {
	at := p.spread(fanOuts, float64(tenant)*math.Sqrt2)
	for _, f := range p.FanOut {
		if at -= f.Share; at < 0 {
			return f.Endpoints
		}
	}
	return 1
}

func (p Profile) health(tenant, endpoint int) Health {
	switch at := p.spread(healths, float64(tenant)*math.Phi+float64(endpoint)*math.Sqrt(3)); {
	case at < p.Slow:
		return Slow
	case at < p.Slow+p.Failing:
		return Failing
	case at < p.Slow+p.Failing+p.Dead:
		return Dead
	default:
		return Healthy
	}
}

// spread puts multiples of an irrational number between 0 and 1. Neighbours are
// far apart there and every part gets its share soon: a share of the tenants is
// about that share of the busy ones too, and so of the events. Dice would give it
// to the busiest, who has an eighth of all, or not.
func (p Profile) spread(of source, x float64) float64 {
	_, rest := math.Modf(p.random(of).Float64() + x)
	return rest
}

// source is what is drawn by itself, so that changing one thing leaves the rest.
type source uint64

const (
	flows source = iota
	bursts
	fanOuts
	healths
)

func (p Profile) random(of source) *rand.Rand { return rand.New(rand.NewPCG(p.Seed, uint64(of))) }
