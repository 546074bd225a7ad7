package bus

import (
	"context"
	"fmt"
)

// Backlog is what a consumer has before it.
type Backlog struct {
	Waiting int // stored and not handed out yet
	Pending int // handed out and not acknowledged, those given back with a delay included
}

// Backlog asks the server. It costs the server a look-up: ask now and then, not
// for every message.
func (b *Bus) Backlog(ctx context.Context, c Consumer) (Backlog, error) {
	consumer, err := b.js.Consumer(ctx, c.Stream, c.Name)
	if err != nil {
		return Backlog{}, fmt.Errorf("look up consumer %s: %w", c, err)
	}
	info := consumer.CachedInfo()                                                   // of this very look-up
	return Backlog{Waiting: int(info.NumPending), Pending: info.NumAckPending}, nil //nolint:gosec // counts
}
