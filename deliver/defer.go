package deliver

import (
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// How long a delivery to a paused endpoint waits before it is looked at again:
// soon the first time, since many pauses are short, and then as long as it may
// take until everything is on its way again after the endpoint is resumed. Both
// are tiers of the wheel, so a wait is one message.
const (
	firstDeferral = 30 * time.Second
	nextDeferrals = 2 * time.Minute
)

// deferral is the result of a job whose endpoint is paused: there is nothing to
// record, and the delivery goes to RETRY as it is. It does not wait in its lane,
// where everything behind it would wait too, and it holds a slot for no longer
// than it takes to see that the endpoint is paused.
func deferral(j *job) *result { return &result{job: j, recorded: true, deferred: true} }

// putOff is the message that brings the delivery back, to the same attempt.
func (r *result) putOff(now time.Time) (bus.Message, error) {
	d := *r.job.delivery
	wait := nextDeferrals
	if d.Deferrals == 0 {
		wait = firstDeferral
	}
	d.Deferrals++
	d.Due = now.Add(wait)
	d.Recheck = d.Recheck || r.job.msg.Deliveries > 1
	data, err := d.Encode()
	return bus.Message{Subject: event.TierFor(wait).Subject(), ID: d.Key(), Data: data}, err
}
