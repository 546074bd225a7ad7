package profile

import (
	"math"
	"time"
)

const (
	slots     = 24 * 3600 // of a day, each of them even
	halfHours = 48
	halfHour  = slots / halfHours

	peakHour   = 15
	spikeDecay = 20 // slots until a third of a spike is left
)

// curve is the rate of the flow over the day, in slots: seconds, however long they
// are.
type curve struct {
	slot  time.Duration
	rates [halfHours]float64 // events a second without a spike
	extra [2][halfHour]float64
}

// newCurve brings the day's curve and the spikes to the average: both together
// have a mean of 1.
func (p Profile) newCurve() *curve {
	c := &curve{slot: p.Day / slots}
	for i := range c.extra[0] {
		height := p.Spike * math.Exp(-float64(i)/spikeDecay)
		c.extra[0][i], c.extra[1][i] = height, height/2
	}
	mean := 0.0
	for half := range c.rates {
		c.rates[half] = 1 + p.Swing*math.Cos(2*math.Pi*(float64(half)/2-peakHour)/24)
		for _, extra := range c.extra[half%2] {
			mean += c.rates[half] * (1 + extra) / slots
		}
	}
	for half := range c.rates {
		c.rates[half] *= p.Rate / mean
	}
	return c
}

func (c *curve) start(slot int64) time.Duration { return time.Duration(slot) * c.slot }

// rate is how many events come in a second of a slot, on average.
func (c *curve) rate(slot int64) float64 {
	half := slot / halfHour % halfHours
	return c.rates[half] * (1 + c.extra[half%2][slot%halfHour])
}
