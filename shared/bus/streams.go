package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// StreamState is what a stream of ours is like at the moment, or was once.
type StreamState struct {
	Name    string
	Created time.Time // by the server's clock, to a microsecond
	LastSeq uint64    // number of the newest message that it ever had
	Oldest  time.Time // when the oldest message in it was stored; zero: it is empty
	Config  []byte    // JSON, enough for Remake

	// What people want to know of it besides.
	Description     string
	Messages, Bytes uint64
	MaxBytes        int64 // that it may have; below 1: as many as it likes
	Consumers       int
}

// ours are the names of our streams: those that are declared, the table of the
// workers, and any of them by the number of its shard.
var ours = regexp.MustCompile(`^(EVENTS|DELIVER|OVERFLOW|RETRY|DLQ|TASKS)(_[0-9]+)?$|^KV_` + workersBucket + `$`) //nolint:gochecknoglobals // constant

// Streams tells what our streams are like. It is one question to the server (in a
// cluster, to each), and answers of less than a kilobyte a stream.
func (b *Bus) Streams(ctx context.Context) (map[string]StreamState, error) {
	states := make(map[string]StreamState)
	list := b.js.ListStreams(ctx)
	for info := range list.Info() {
		if !ours.MatchString(info.Config.Name) {
			continue
		}
		config, err := json.Marshal(info.Config)
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", info.Config.Name, err)
		}
		s := StreamState{
			Name: info.Config.Name, Config: config, LastSeq: info.State.LastSeq,
			Created:     info.Created.UTC().Truncate(time.Microsecond),
			Description: info.Config.Description,
			Messages:    info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes, Consumers: info.State.Consumers,
		}
		if info.State.Msgs > 0 {
			s.Oldest = info.State.FirstTime
		}
		states[s.Name] = s
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return states, nil
}

// way is the order in which events come through the streams.
var way = []string{event.StreamEvents, event.StreamDeliver, event.StreamOverflow, event.StreamRetry, event.StreamDLQ, event.StreamTasks} //nolint:gochecknoglobals // constant

// InOrder lists streams in the order in which events come through them, those of a
// kind by their shards, and what is none of events last.
func InOrder(states map[string]StreamState) []StreamState {
	rank := func(s StreamState) int {
		if at := slices.Index(way, Stem(s.Name)); at >= 0 {
			return at
		}
		return len(way)
	}
	return slices.SortedFunc(maps.Values(states), func(a, b StreamState) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
}

// Gone reports whether there is no such stream. A stream that has no leader at the
// moment is in no list and answers nothing, which is an error here.
func (b *Bus) Gone(ctx context.Context, stream string) (bool, error) {
	_, err := b.js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	return false, nil
}

// Remake makes a stream again as it was, with the consumers that Bootstrap would
// make. It changes nothing of what is there: making what exists with the same
// configuration is no update.
func (b *Bus) Remake(ctx context.Context, was StreamState) error {
	var config jetstream.StreamConfig
	if err := json.Unmarshal(was.Config, &config); err != nil {
		return fmt.Errorf("remake stream %s: %w", was.Name, err)
	}
	_, err := b.js.CreateStream(ctx, config)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("remake stream %s: %w", was.Name, err)
	}
	_, err = b.RemakeConsumers(ctx, was)
	return err
}

// RemakeConsumers makes the consumers of a stream that are missing, and returns how
// many. They hand out all that the stream has as if for the first time.
func (b *Bus) RemakeConsumers(ctx context.Context, of StreamState) (made int, err error) {
	var config jetstream.StreamConfig
	if err := json.Unmarshal(of.Config, &config); err != nil {
		return 0, fmt.Errorf("remake consumers of %s: %w", of.Name, err)
	}
	for c, want := range consumers(Layout{Replicas: config.Replicas, Shards: event.MaxShards}) {
		if c.stream() != of.Name {
			continue
		}
		_, err := b.js.Consumer(ctx, c.stream(), c.Name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			_, err = b.js.CreateConsumer(ctx, c.stream(), want)
			made++
		}
		if err != nil {
			return made, fmt.Errorf("remake consumer %s: %w", c, err)
		}
	}
	return made, nil
}

// Unrecorded returns what of DLQ dlq has not recorded: that stream keeps dead letters
// when they are.
func (b *Bus) Unrecorded(ctx context.Context) (Holding, error) {
	consumer, err := b.js.Consumer(ctx, DLQ.Stream, DLQ.Name)
	if err != nil {
		return Holding{}, fmt.Errorf("look up consumer %s: %w", DLQ, err)
	}
	info := consumer.CachedInfo()                                              // of this very look-up
	unrecorded := Holding{Messages: int(info.NumPending) + info.NumAckPending} //nolint:gosec // counts
	if unrecorded.Messages == 0 {
		return Holding{}, nil
	}
	stream, err := b.js.Stream(ctx, DLQ.Stream)
	if err != nil {
		return Holding{}, fmt.Errorf("look up stream %s: %w", DLQ.Stream, err)
	}
	m, err := stream.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(event.SubjectsDead))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Holding{}, nil // recorded, or gone with its age, a moment ago
	}
	if err != nil {
		return Holding{}, fmt.Errorf("look into %s: %w", DLQ.Stream, err)
	}
	unrecorded.Oldest = m.Time
	return unrecorded, nil
}

// Stem is the name of a stream without the number of its shard.
func Stem(stream string) string {
	name, _, _ := strings.Cut(stream, "_")
	return name
}
