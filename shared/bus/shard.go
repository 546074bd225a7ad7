package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/event"
)

// shards is how many there are, as far as this process has heard.
type shards struct {
	mu    sync.Mutex
	n     int
	added chan struct{} // closed when there are more
}

func newShards() shards { return shards{n: 1, added: make(chan struct{})} }

func (s *shards) now() (n int, added <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.added
}

// Divide says how many shards there are. What is published from now on goes to
// those, and EachShard begins with those that it has not begun with. Fewer than
// there were are no news: shards are only added.
func (b *Bus) Divide(n int) {
	b.shards.mu.Lock()
	defer b.shards.mu.Unlock()
	if n <= b.shards.n {
		return
	}
	b.shards.n = n
	close(b.shards.added)
	b.shards.added = make(chan struct{})
}

// Shards is how many shards there are.
func (b *Bus) Shards() int {
	n, _ := b.shards.now()
	return n
}

// Divided returns a channel that is closed when there are more shards than n.
func (b *Bus) Divided(n int) <-chan struct{} {
	have, added := b.shards.now()
	if have > n {
		over := make(chan struct{})
		close(over)
		return over
	}
	return added
}

// EachShard has work done for each shard, in a goroutine for each, and for those
// that are added as soon as they are. It returns when ctx has ended and all work
// with it, or the first error, which ends the context of the others.
func (b *Bus) EachShard(ctx context.Context, work func(context.Context, event.Shard) error) error {
	all, ctx := errgroup.WithContext(ctx)
	for begun := 0; ; {
		n, added := b.shards.now()
		shards := event.Shards(n)
		for _, s := range shards[begun:] {
			all.Go(func() error { return work(ctx, s) })
		}
		begun = len(shards)
		select {
		case <-added:
		case <-ctx.Done():
			return all.Wait()
		}
	}
}

// errNoTenant is a fault of whoever made the message.
var errNoTenant = errors.New("a message for a divided stream has no tenant")

// address is the message's subject in the shard of its tenant, if its stream is
// divided.
func (b *Bus) address(m *Message) (string, error) {
	n := b.Shards()
	_, ok := divided[streamNamed(m.Subject)]
	switch {
	case n == 1 || !ok:
		return m.Subject, nil
	case m.Tenant.IsZero():
		return "", fmt.Errorf("%w: %s", errNoTenant, m.Subject)
	default:
		return event.ShardOf(m.Tenant, n).Subject(m.Subject), nil
	}
}

// streamNamed is the stream that the subject begins with.
func streamNamed(subject string) string {
	stream, _, _ := strings.Cut(subject, ".")
	return strings.ToUpper(stream)
}

// streamOf is the stream that the message goes to.
func (b *Bus) streamOf(m *Message) string {
	stream := streamNamed(m.Subject)
	if _, ok := divided[stream]; !ok {
		return stream
	}
	return event.ShardOf(m.Tenant, b.Shards()).Stream(stream)
}

// consumerOf is the consumer of that name of a stream that the server names.
func consumerOf(stream, name string) Consumer {
	stream, shard, _ := strings.Cut(stream, "_")
	return Consumer{Stream: stream, Name: name, Shard: event.Shard(shard)}
}

// shardsOf lists the shards that have a stream: of one that is not divided it is
// Whole.
func (b *Bus) shardsOf(stream string) []event.Shard {
	if _, ok := divided[stream]; !ok {
		return []event.Shard{event.Whole}
	}
	return event.Shards(b.Shards())
}
