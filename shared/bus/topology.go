package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// Consumer names a pull consumer of a stream. All but those of own lanes are
// declared in this file and made by Bootstrap.
type Consumer struct{ Stream, Name string }

// String is how people and logs call the consumer.
func (c Consumer) String() string { return c.Stream + "/" + c.Name }

// The consumers that are one of a kind.
var (
	Fanout = Consumer{event.StreamEvents, "fanout"}
	Wide   = Consumer{event.StreamEvents, "wide"}
	DLQ    = Consumer{event.StreamDLQ, "dlq"}
	Tasks  = Consumer{event.StreamTasks, "dlq"}
)

// LaneConsumer is the consumer of a shared lane of DELIVER.
func LaneConsumer(l event.Lane) Consumer { return Consumer{event.StreamDeliver, string(l)} }

// TierConsumer is the consumer of a tier of RETRY.
func TierConsumer(t event.Tier) Consumer { return Consumer{event.StreamRetry, t.Name} }

const (
	// A live publish window is short; what was published longer ago is
	// recognised by its attempts. Each id in the window costs 131 bytes of the
	// server's memory (measured), so the window of the busy streams is short.
	shortDuplicateWindow = time.Minute
	longDuplicateWindow  = 2 * time.Minute

	dlqMaxAge = 30 * 24 * time.Hour
)

// streams declares every stream. Work queues hold what is not done yet; DLQ
// keeps what it had for a month, to be looked into; the table of the deliver
// workers is a bucket, which is a stream with rules of its own.
func streams(l Layout) []jetstream.StreamConfig {
	queue := func(name, subjects, description string, window time.Duration) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name:        name,
			Description: description,
			Subjects:    []string{subjects},
			Retention:   jetstream.WorkQueuePolicy,
			Storage:     jetstream.FileStorage,
			Discard:     jetstream.DiscardNew,
			Duplicates:  window,
			Replicas:    l.Replicas,
		}
	}
	dlq := queue(event.StreamDLQ, "dlq.>", "exhausted deliveries, recorded by dlq", longDuplicateWindow)
	dlq.Retention = jetstream.LimitsPolicy
	dlq.Discard = jetstream.DiscardOld
	dlq.MaxAge = dlqMaxAge
	overflow := queue(event.StreamOverflow, event.SubjectsOverflow, "deliveries that wait in the lane of their tenant or endpoint", shortDuplicateWindow)
	overflow.MaxConsumers = lanesLimit
	return []jetstream.StreamConfig{
		queue(event.StreamEvents, "events.>", "batches of accepted events, from ingest to fanout", longDuplicateWindow),
		queue(event.StreamDeliver, "deliver.>", "deliveries that are due, to deliver", shortDuplicateWindow),
		overflow,
		queue(event.StreamRetry, "retry.>", "deliveries that wait, by tier of delay", shortDuplicateWindow),
		dlq,
		queue(event.StreamTasks, "tasks.>", "announced jobs, from ingest to dlq", longDuplicateWindow),
		table(workersBucket, "live deliver workers, and who has which own lane", l.Replicas),
	}
}

// table declares the stream of a KV bucket that keeps the newest value of each
// key. The client library would have made it readable from any replica
// (AllowDirect); but who asks whether a worker lives must not be told what a
// replica that lags behind knows.
func table(bucket, description string, replicas int) jetstream.StreamConfig {
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
		Replicas:               replicas,
	}
}

// consumers declares every consumer. None gives up on a message: stages count
// attempts themselves and hand over what is exhausted. They are stored as often as
// their streams.
func consumers() map[Consumer]jetstream.ConsumerConfig {
	all := make(map[Consumer]jetstream.ConsumerConfig)
	add := func(c Consumer, filter string, maxPending int) {
		all[c] = jetstream.ConsumerConfig{
			Durable:       c.Name,
			FilterSubject: filter,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWait,
			MaxDeliver:    -1,
			MaxAckPending: maxPending,
		}
	}
	add(Fanout, event.SubjectEvents, 512)
	add(Wide, event.SubjectWide, 64)
	add(DLQ, "dlq.>", 4096)
	add(Tasks, "tasks.>", 1024) // those that pause for a moment are pending too
	for _, l := range event.Lanes() {
		add(LaneConsumer(l), l.Filter(), 4096)
	}
	for _, t := range event.Tiers() {
		add(TierConsumer(t), t.Subject(), 8192)
	}
	return all
}
