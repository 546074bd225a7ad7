package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotBootstrapped is returned by Verify.
var ErrNotBootstrapped = errors.New("stream is missing: run postrider bootstrap")

const (
	// A cluster that has only begun has no leader yet, or not all of its servers.
	settleTimeout = 30 * time.Second
	settlePause   = 250 * time.Millisecond
)

// Bootstrap makes the streams and consumers that are missing and changes those
// that differ from their declaration. It touches nothing else: updating a
// stream with the configuration that it has has lost delayed messages in
// clusters (nats-server #5526). Only the bootstrap step calls it, stages never.
// For servers that are not ready it waits, up to half a minute.
func (b *Bus) Bootstrap(ctx context.Context, l Layout) error {
	ctx, cancel := b.unlessDenied(ctx)
	defer cancel()
	for until := time.Now().Add(settleTimeout); ; {
		err := b.bootstrap(ctx, l)
		if err == nil || !unsettled(err) || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(settlePause):
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

func (b *Bus) bootstrap(ctx context.Context, l Layout) error {
	for _, want := range streams(l) {
		if err := b.ensureStream(ctx, want); err != nil {
			return fmt.Errorf("bootstrap stream %s of %d MiB: %w", want.Name, want.MaxBytes>>20, noRoom(because(ctx, err)))
		}
	}
	for c, want := range consumers(l) {
		if err := b.ensureConsumer(ctx, c, want); err != nil {
			return fmt.Errorf("bootstrap consumer %s: %w", c, because(ctx, err))
		}
	}
	return nil
}

// noPeers is the server's code for a stream that fewer servers could store than
// it asks for.
const noPeers jetstream.ErrorCode = 10005

// unsettled reports whether the servers may do in a moment what they could not do
// now. That JetStream is not enabled does not change.
func unsettled(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return errors.Is(err, context.DeadlineExceeded) // nobody leads who could answer
	}
	switch api.ErrorCode {
	case noPeers:
		return true
	case jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return false
	default:
		return api.Code == http.StatusServiceUnavailable
	}
}

// noRoom says what there is to do when the server has not that much disk.
func noRoom(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == storageExceeded || api.ErrorCode == accountExceeded) {
		return fmt.Errorf("%w\n(give JetStream more, or set POSTRIDER_STREAM_BYTES to less)", err)
	}
	return err
}

// errNotLooked is why a patient bus is not healthy before Verify was called.
var errNotLooked = errors.New("the streams were not looked for yet")

// Verify returns ErrNotBootstrapped when a stream is not there, as Health does
// until it is called again.
func (b *Bus) Verify(ctx context.Context) error {
	err := b.verify(ctx)
	b.state.verify(err)
	return err
}

func (b *Bus) verify(ctx context.Context) error {
	ctx, cancel := b.unlessDenied(ctx)
	defer cancel()
	for _, want := range streams(Layout{Shards: b.Shards()}) {
		_, err := b.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("%s: %w", want.Name, ErrNotBootstrapped)
		}
		if err != nil {
			return fmt.Errorf("look up stream %s: %w", want.Name, explain(because(ctx, err)))
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
	changed.AllowDirect, changed.MaxBytes = want.AllowDirect, want.MaxBytes
	if reflect.DeepEqual(have, changed) {
		return nil
	}
	_, err = b.js.UpdateStream(ctx, changed)
	return err
}

func (b *Bus) ensureConsumer(ctx context.Context, c Consumer, want jetstream.ConsumerConfig) error {
	consumer, err := b.js.Consumer(ctx, c.stream(), c.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err = b.js.CreateConsumer(ctx, c.stream(), want)
		return err
	}
	if err != nil {
		return err
	}
	have := consumer.CachedInfo().Config
	changed := have
	changed.AckWait, changed.MaxDeliver = want.AckWait, want.MaxDeliver
	changed.MaxAckPending, changed.Replicas = want.MaxAckPending, want.Replicas
	changed.FilterSubject = want.FilterSubject
	if reflect.DeepEqual(have, changed) {
		return nil
	}
	_, err = b.js.UpdateConsumer(ctx, c.stream(), changed)
	return err
}
