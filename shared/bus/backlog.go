package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// Holding is how much is stored, and since when the oldest of it is.
type Holding struct {
	Messages int
	Oldest   time.Time // zero: there is nothing
}

// Add is both together.
func (h Holding) Add(other Holding) Holding {
	h.Messages += other.Messages
	if h.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(h.Oldest) {
		h.Oldest = other.Oldest
	}
	return h
}

// Holds returns what a stream holds, in all its shards. On a work queue that is
// what nobody is done with. It is one question to the server for each shard.
func (b *Bus) Holds(ctx context.Context, stream string) (sum Holding, err error) {
	for _, shard := range b.shardsOf(stream) {
		s, err := b.js.Stream(ctx, shard.Stream(stream))
		if err != nil {
			return Holding{}, fmt.Errorf("look up stream %s: %w", shard.Stream(stream), err)
		}
		if state := s.CachedInfo().State; state.Msgs > 0 { // of this very look-up
			sum = sum.Add(Holding{Messages: int(state.Msgs), Oldest: state.FirstTime}) //nolint:gosec // a count
		}
	}
	return sum, nil
}

// Queue is what a stream holds under one subject in one of its shards.
type Queue struct {
	Subject  string // as it is in Whole
	Messages int

	stream string
	shard  event.Shard
}

// Queues lists the subjects that match the filter, which begins with the stream's
// name, and hold anything. It costs what Subjects costs.
func (b *Bus) Queues(ctx context.Context, stream, filter string) ([]Queue, error) {
	return b.queues(ctx, b.shardsOf(stream), stream, filter)
}

func (b *Bus) queues(ctx context.Context, shards []event.Shard, stream, filter string) ([]Queue, error) {
	var all []Queue
	for _, shard := range shards {
		subjects, err := b.SubjectsIn(ctx, shard.Stream(stream), shard.Subject(filter))
		if err != nil {
			return nil, err
		}
		for subject, n := range subjects {
			all = append(all, Queue{Subject: event.Plain(subject), Messages: int(n), stream: stream, shard: shard}) //nolint:gosec // a count
		}
	}
	return all, nil
}

// Heads returns since when the first message of each of the queues is there; zero for
// one that is empty by now. It is a look-up for each: ask for few.
func (b *Bus) Heads(ctx context.Context, queues ...Queue) ([]time.Time, error) {
	heads := make([]time.Time, len(queues))
	streams := make(map[string]jetstream.Stream)
	for i, q := range queues {
		name := q.shard.Stream(q.stream)
		if streams[name] == nil {
			s, err := b.js.Stream(ctx, name)
			if err != nil {
				return nil, fmt.Errorf("look into %s: %w", name, err)
			}
			streams[name] = s
		}
		first, err := oldest(ctx, streams[name], q.shard.Subject(q.Subject))
		if err != nil {
			return nil, err
		}
		heads[i] = first.At
	}
	return heads, nil
}

// oldest is the oldest message of a stream under a subject, or of those that match a
// filter; without a subject when there is none.
func oldest(ctx context.Context, s jetstream.Stream, filter string) (Stored, error) {
	m, err := s.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(filter))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Stored{}, nil
	}
	if err != nil {
		return Stored{}, fmt.Errorf("look into %s for %s: %w", s.CachedInfo().Config.Name, filter, err)
	}
	return Stored{Subject: event.Plain(m.Subject), At: m.Time}, nil
}

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
