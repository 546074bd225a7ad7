package bus

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Between two tries at what a stream does not take: short enough to go on soon after
// an outage, long enough to cost nothing in it.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Insist is Publish that tries again what is left until all of it is stored, or ctx
// ends; then it returns the last error. failed, which may be nil, is told of one
// whose cause is not that of the one before. Whoever insists keeps the messages in
// memory, so only so many may do it at a time.
//
// What is published again may be there already, longer than the stream remembers
// its id. So it asks whoever gets it to look it up.
func (b *Bus) Insist(ctx context.Context, failed func(error), group ...Message) error {
	said := ""
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		reconnected := b.Reconnected()
		err := b.Publish(ctx, group...)
		var unpublished *UnpublishedError
		if !errors.As(err, &unpublished) || ctx.Err() != nil {
			return err
		}
		if cause := unpublished.err.Error(); failed != nil && cause != said {
			said = cause
			failed(err)
		}
		group = again(group, unpublished.Left)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-reconnected:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		timer.Stop()
	}
}

// again is what is left of the group, as it is published once more.
func again(group []Message, left []int) []Message {
	rest := make([]Message, len(left))
	for i, n := range left {
		rest[i] = group[n]
		rest[i].Data = event.Recheck(group[n].Data)
	}
	return rest
}
