package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Backlog is what a consumer has before it.
type Backlog struct {
	Waiting int // stored and not handed out yet
	Pending int // handed out and not acknowledged, those given back with a delay included
}

// Backlog asks the server, for the consumers of that name in all shards together.
// It costs the server a look-up for each: ask now and then, not for every message.
func (b *Bus) Backlog(ctx context.Context, c Consumer) (sum Backlog, err error) {
	found := false
	for _, s := range b.shardsOf(c.Stream) {
		one, oneErr := b.backlog(ctx, c.In(s))
		if errors.Is(oneErr, jetstream.ErrConsumerNotFound) {
			err = oneErr
			continue
		}
		if oneErr != nil {
			return Backlog{}, oneErr
		}
		found = true
		sum.Waiting += one.Waiting
		sum.Pending += one.Pending
	}
	if found {
		err = nil
	}
	return sum, err
}

func (b *Bus) backlog(ctx context.Context, c Consumer) (Backlog, error) {
	consumer, err := b.js.Consumer(ctx, c.stream(), c.Name)
	if err != nil {
		return Backlog{}, fmt.Errorf("look up consumer %s: %w", c, err)
	}
	info := consumer.CachedInfo()                                                   // of this very look-up
	return Backlog{Waiting: int(info.NumPending), Pending: info.NumAckPending}, nil //nolint:gosec // counts
}
