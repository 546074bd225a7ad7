package main

import (
	"cmp"
	"context"
	"time"

	"github.com/postrider/postrider/bench/suite"
)

// scenario is one promise, and the program that finds out whether it is kept.
// The program returns an error when it could not find out.
type scenario struct {
	name, promise string
	run           func(context.Context, *bench) error
	apart         bool // it takes too long to be among all, or more than every machine has
}

func scenarios() []scenario {
	return append(levels(), []scenario{
		{"burst", "15,400 events a second for ten seconds are accepted, delivered, and hardly noticed by others", burst, false},
		{"soak", "an hour of 500 events a second, of which some fail, and nothing grows", soak, true},
		{"quarter", "a deliver process with a quarter of a CPU and 500 MB makes 700 attempts a second", quarter, true},
		{"linear", "an event costs no more where there are four times as many tenants, endpoints or waiting deliveries", linear, true},
		{"dead-neighbour", "20,000 events to a dead endpoint are not noticed by a quiet tenant", deadNeighbour, false},
		{"loud-neighbour", "50,000 events to a quick endpoint are hardly noticed by a quiet tenant, and lose little to it", loudNeighbour, false},
		{"inside-tenant", "one dead endpoint of ten is not noticed by the other nine", insideTenant, false},
		{"many", "10,000 tenants with 10 events each are delivered as fast as one with 100,000", many, false},
		{"hundred-bad", "100 tenants with dead endpoints and 3,000 waiting deliveries each are not noticed and cost nothing", hundredBad, false},
		{"million", "1,000,000 deliveries that wait for one endpoint are not noticed", million, false},
		{"limit", "an endpoint limited to 100 a second gets just that, also when a worker dies", rateLimit, false},
		{"order", "an ordered endpoint that fails at random gets 10,000 events in order while workers die", order, false},
		{"weights", "two busy tenants with weights 3 and 1 get 3 to 1", weights, false},
		{"wide", "an event for 10,000 endpoints each second is not noticed by others", wide, false},
		{"front-door", "2,000 slow connections and 10,000 wrong tokens do not hold up good requests", frontDoor, false},
		{"recovery", "an endpoint that comes back with 50,000 waiting is probed, ramped up, and gets everything", recovery, false},
	}...)
}

// bench is what a scenario works with.
type bench struct {
	*suite.Trial

	scale  float64
	report *report // that of the trial
}

// How quiet traffic is: so many events a second, for so long before and beside
// the noise. At 20/s, p99 is the sixth largest of 600.
const (
	quietRate = 20
	quietSpan = 30 * time.Second
)

// count is a number of the scenario at the scale of this run.
func (b *bench) count(n int) int { return max(1, int(float64(n)*b.scale)) }

// events is such a number of events, in whole batches.
func (b *bench) events(n, batch int) int64 { return int64(max(1, b.count(n)/batch) * batch) }

// span is a time of the scenario at the scale of this run.
func (b *bench) span(d time.Duration) time.Duration {
	return max(min(d, time.Second), time.Duration(float64(d)*b.scale))
}

// rate is how many events a second a scenario sends: as it is promised, or as the
// run was told.
func (b *bench) rate(promised float64) float64 { return cmp.Or(b.Rate, promised) }

// sending is how long: as the run was told, or as long as the scenario needs.
func (b *bench) sending(needed time.Duration) time.Duration { return cmp.Or(b.Span, b.span(needed)) }
