package bus

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// Consumer names a pull consumer of a stream. All but those of own lanes are
// declared in this file and made by Bootstrap. Of a divided stream each shard has
// one.
type Consumer struct {
	Stream, Name string
	Shard        event.Shard
}

// In is the consumer of that name in the shard.
func (c Consumer) In(s event.Shard) Consumer {
	c.Shard = s
	return c
}

// String is how people and logs call the consumer.
func (c Consumer) String() string { return c.stream() + "/" + c.Name }

func (c Consumer) stream() string { return c.Shard.Stream(c.Stream) }

// nextSubject is where a consumer is asked for messages.
func nextSubject(stream, consumer string) string {
	return jetstream.DefaultAPIPrefix + "CONSUMER.MSG.NEXT." + stream + "." + consumer
}

// The consumers that are one of a kind.
var (
	Fanout = Consumer{Stream: event.StreamEvents, Name: "fanout"}
	Wide   = Consumer{Stream: event.StreamEvents, Name: "wide"}
	DLQ    = Consumer{Stream: event.StreamDLQ, Name: "dlq"}
	Tasks  = Consumer{Stream: event.StreamTasks, Name: "dlq"}
)

// LaneConsumer is the consumer of a shared lane of DELIVER.
func LaneConsumer(l event.Lane) Consumer {
	return Consumer{Stream: event.StreamDeliver, Name: string(l)}
}

// TierConsumer is the consumer of a tier of RETRY.
func TierConsumer(t event.Tier) Consumer { return Consumer{Stream: event.StreamRetry, Name: t.Name} }

const (
	// A live publish window is short; what was published longer ago is
	// recognised by its attempts. Each id in the window costs 131 bytes of the
	// server's memory (measured), so the window of the busy streams is short.
	shortDuplicateWindow = time.Minute
	longDuplicateWindow  = 2 * time.Minute

	dlqMaxAge = 30 * 24 * time.Hour
)

// parts are the 32nds of Layout.Bytes that each stream has, all shards together.
// Where deliveries may wait for days there is most room; what passes through EVENTS
// and DELIVER waits in PostgreSQL when it does not fit.
var parts = map[string]int64{ //nolint:gochecknoglobals // constant
	event.StreamEvents:   4,
	event.StreamDeliver:  4,
	event.StreamOverflow: 12,
	event.StreamRetry:    8,
	event.StreamDLQ:      3,
	event.StreamTasks:    1,
}

// limit is how large the stream may get. Each shard's has an equal part.
func (l Layout) limit(stream string) int64 {
	bytes := cmp.Or(l.Bytes, DefaultBytes) / 32 * parts[stream]
	if _, ok := divided[stream]; ok {
		bytes /= int64(len(event.Shards(l.Shards)))
	}
	return bytes
}

// divided are the streams that each shard has one of, with their subjects in Whole.
// These are as long as subjects get, so that those with a number match none of them.
var divided = map[string][]string{ //nolint:gochecknoglobals // constant
	event.StreamEvents:   {"events.*"},
	event.StreamDeliver:  {"deliver.*.*.*"},
	event.StreamOverflow: {"overflow.*", "overflow.*.*"},
	event.StreamRetry:    {"retry.*"},
}

// streams declares every stream. Work queues hold what is not done yet; DLQ
// keeps what it had for a month, to be looked into, or until it needs the room
// (Bus.TrimDLQ); the table of the deliver
// workers is a bucket, which is a stream with rules of its own.
func streams(l Layout) []jetstream.StreamConfig {
	var all []jetstream.StreamConfig
	for _, s := range event.Shards(l.Shards) {
		all = append(all, streamsOf(s, l)...)
	}
	dlq := queue(event.StreamDLQ, "exhausted deliveries, recorded by dlq, and messages that nobody can handle", longDuplicateWindow, l, "dlq.>")
	dlq.Retention = jetstream.LimitsPolicy
	dlq.MaxAge = dlqMaxAge
	return append(all, dlq,
		queue(event.StreamTasks, "announced jobs, from ingest to dlq", longDuplicateWindow, l, "tasks.>"),
		table(workersBucket, "live deliver workers, and who has which own lane", l),
	)
}

// streamsOf declares the streams of a shard.
func streamsOf(s event.Shard, l Layout) []jetstream.StreamConfig {
	in := func(stream, description string, window time.Duration) jetstream.StreamConfig {
		subjects := slices.Clone(divided[stream])
		for i := range subjects {
			subjects[i] = s.Subject(subjects[i])
		}
		q := queue(stream, description, window, l, subjects...)
		q.Name = s.Stream(stream)
		return q
	}
	overflow := in(event.StreamOverflow, "deliveries that wait in the lane of their tenant or endpoint", shortDuplicateWindow)
	overflow.MaxConsumers = lanesLimit
	return []jetstream.StreamConfig{
		in(event.StreamEvents, "batches of accepted events, from ingest to fanout", longDuplicateWindow),
		in(event.StreamDeliver, "deliveries that are due, to deliver", shortDuplicateWindow),
		overflow,
		in(event.StreamRetry, "deliveries that wait, by tier of delay", shortDuplicateWindow),
	}
}

func queue(name, description string, window time.Duration, l Layout, subjects ...string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        name,
		Description: description,
		Subjects:    subjects,
		Retention:   jetstream.WorkQueuePolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    l.limit(name),
		Duplicates:  window,
		Replicas:    l.Replicas,
	}
}

// table declares the stream of a KV bucket that keeps the newest value of each
// key. The client library would have made it readable from any replica
// (AllowDirect); but who asks whether a worker lives must not be told what a
// replica that lags behind knows.
func table(bucket, description string, l Layout) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:                   "KV_" + bucket,
		Description:            description,
		Subjects:               []string{"$KV." + bucket + ".>"},
		Storage:                jetstream.FileStorage,
		Discard:                jetstream.DiscardNew,
		MaxMsgsPerSubject:      1,
		AllowRollup:            true,
		DenyDelete:             true,
		AllowMsgTTL:            true,
		SubjectDeleteMarkerTTL: tombstoneTTL,
		Duplicates:             longDuplicateWindow,
		Replicas:               l.Replicas,
	}
}

// consumers declares every consumer. None gives up on a message: stages count
// attempts themselves and hand over what is exhausted. They are stored as often as
// their streams.
func consumers(layout Layout) map[Consumer]jetstream.ConsumerConfig {
	all := make(map[Consumer]jetstream.ConsumerConfig)
	add := func(c Consumer, filter string, maxPending int) {
		all[c] = jetstream.ConsumerConfig{
			Durable:       c.Name,
			FilterSubject: c.Shard.Subject(filter),
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWait,
			MaxDeliver:    -1,
			MaxAckPending: maxPending,
		}
	}
	for _, s := range event.Shards(layout.Shards) {
		add(Fanout.In(s), event.SubjectEvents, 512)
		add(Wide.In(s), event.SubjectWide, 64)
		for _, l := range event.Lanes() {
			add(LaneConsumer(l).In(s), l.Filter(), 4096)
		}
		for _, t := range event.Tiers() {
			add(TierConsumer(t).In(s), t.Subject(), 8192)
		}
	}
	add(DLQ, event.SubjectsDead, 4096)
	add(Tasks, "tasks.>", 1024) // those that pause for a moment are pending too
	return all
}
