package deliver

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// What a worker holds in memory of all lanes together, from the moment that a
// message is looked at until it is acknowledged or given back. Own lanes have at
// most half of it: there is always room for the trickle of everyone.
const (
	bufferMessages = 4096
	bufferBytes    = 64 << 20
)

// buffer is the room in memory for deliveries.
type buffer struct {
	all, own room
	held     atomic.Int64 // messages
}

// room is a bound on messages and their bytes.
type room struct{ messages, bytes *semaphore.Weighted }

func newBuffer() *buffer {
	return &buffer{all: newRoom(bufferMessages, bufferBytes), own: newRoom(bufferMessages/2, bufferBytes/2)}
}

func newRoom(messages, bytes int64) room {
	return room{semaphore.NewWeighted(messages), semaphore.NewWeighted(bytes)}
}

// take waits until there is room for a message. It returns the error of ctx when
// that ends before.
func (b *buffer) take(ctx context.Context, own bool, size int) error {
	if own {
		if err := b.own.take(ctx, size); err != nil {
			return err
		}
	}
	if err := b.all.take(ctx, size); err != nil {
		if own {
			b.own.give(size)
		}
		return err
	}
	b.held.Add(1)
	return nil
}

func (b *buffer) give(own bool, size int) {
	b.held.Add(-1)
	b.all.give(size)
	if own {
		b.own.give(size)
	}
}

func (r *room) take(ctx context.Context, size int) error {
	if err := r.messages.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := r.bytes.Acquire(ctx, int64(size)); err != nil {
		r.messages.Release(1)
		return err
	}
	return nil
}

func (r *room) give(size int) {
	r.bytes.Release(int64(size))
	r.messages.Release(1)
}
