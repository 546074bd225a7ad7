package bus

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/event"
)

// lookups is how many messages First asks for at a time.
const lookups = 8

// Subjects tells how many messages a stream holds under each subject that matches
// the filter, which begins with the stream's name; in all its shards. It costs the
// server 13 ms for 10,000 of them (measured).
func (b *Bus) Subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	return b.subjects(ctx, b.shardsOf(stream), stream, filter)
}

func (b *Bus) subjects(ctx context.Context, shards []event.Shard, stream, filter string) (map[string]uint64, error) {
	queues, err := b.queues(ctx, shards, stream, filter)
	if err != nil {
		return nil, err
	}
	all := make(map[string]uint64)
	for _, q := range queues {
		all[q.Subject] += uint64(q.Messages) //nolint:gosec // a count
	}
	return all, nil
}

// Stored is a message on a stream, without what is in it.
type Stored struct {
	Subject string
	At      time.Time // since when it is there
}

// First finds the oldest message of each of the filters, without those that have
// none; in all shards of the stream. It is a look-up for each: ask for few.
func (b *Bus) First(ctx context.Context, stream string, filters ...string) ([]Stored, error) {
	found := make([]Stored, len(filters))
	for _, shard := range b.shardsOf(stream) {
		if err := b.first(ctx, shard, stream, filters, found); err != nil {
			return nil, err
		}
	}
	there := found[:0]
	for _, f := range found {
		if f.Subject != "" {
			there = append(there, f)
		}
	}
	return there, nil
}

// first puts what a shard has into found where it is older than what is there.
func (b *Bus) first(ctx context.Context, shard event.Shard, stream string, filters []string, found []Stored) error {
	s, err := b.js.Stream(ctx, shard.Stream(stream))
	if err != nil {
		return fmt.Errorf("look into %s: %w", shard.Stream(stream), err)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(lookups)
	for i, filter := range filters {
		work.Go(func() error {
			m, err := oldest(ctx, s, shard.Subject(filter))
			if err != nil || m.Subject == "" {
				return err
			}
			if found[i].Subject == "" || m.At.Before(found[i].At) {
				found[i] = m
			}
			return nil
		})
	}
	return work.Wait()
}
