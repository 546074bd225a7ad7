package bus

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotBootstrapped is returned by Verify.
var ErrNotBootstrapped = errors.New("stream is missing: run bootstrap")

// Bootstrap makes the streams and consumers that are missing and changes those
// that differ from their declaration. It touches nothing else: updating a
// stream with the configuration that it has has lost delayed messages in
// clusters (nats-server #5526). Only the bootstrap step calls it, stages never.
func (b *Bus) Bootstrap(ctx context.Context, replicas int) error {
	for _, want := range streams(replicas) {
		if err := b.ensureStream(ctx, want); err != nil {
			return fmt.Errorf("bootstrap stream %s: %w", want.Name, err)
		}
	}
	for c, want := range consumers(replicas) {
		if err := b.ensureConsumer(ctx, c, want); err != nil {
			return fmt.Errorf("bootstrap consumer %s: %w", c, err)
		}
	}
	if err := b.ensureWorkers(ctx, replicas); err != nil {
		return fmt.Errorf("bootstrap bucket %s: %w", workersBucket, err)
	}
	return nil
}

// Verify returns ErrNotBootstrapped when a stream is not there.
func (b *Bus) Verify(ctx context.Context) error {
	for _, want := range streams(1) {
		_, err := b.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("%s: %w", want.Name, ErrNotBootstrapped)
		}
		if err != nil {
			return fmt.Errorf("look up stream %s: %w", want.Name, err)
		}
	}
	return nil
}

func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	stream, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = b.js.CreateStream(ctx, want)
		return err
	}
	if err != nil {
		return err
	}
	have := stream.CachedInfo().Config
	changed := have
	changed.Description, changed.Subjects = want.Description, want.Subjects
	changed.Discard, changed.Duplicates = want.Discard, want.Duplicates
	changed.MaxAge, changed.Replicas = want.MaxAge, want.Replicas
	if reflect.DeepEqual(have, changed) {
		return nil
	}
	_, err = b.js.UpdateStream(ctx, changed)
	return err
}

func (b *Bus) ensureConsumer(ctx context.Context, c Consumer, want jetstream.ConsumerConfig) error {
	consumer, err := b.js.Consumer(ctx, c.Stream, c.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err = b.js.CreateConsumer(ctx, c.Stream, want)
		return err
	}
	if err != nil {
		return err
	}
	have := consumer.CachedInfo().Config
	changed := have
	changed.AckWait, changed.MaxDeliver = want.AckWait, want.MaxDeliver
	changed.MaxAckPending, changed.Replicas = want.MaxAckPending, want.Replicas
	if reflect.DeepEqual(have, changed) {
		return nil
	}
	_, err = b.js.UpdateConsumer(ctx, c.Stream, changed)
	return err
}

// ensureWorkers makes the table of the deliver workers.
func (b *Bus) ensureWorkers(ctx context.Context, replicas int) error {
	_, err := b.js.KeyValue(ctx, workersBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = b.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket:         workersBucket,
			Description:    "live deliver workers, and who has which own lane",
			History:        1,
			LimitMarkerTTL: tombstoneTTL,
			Replicas:       replicas,
		})
	}
	return err
}
