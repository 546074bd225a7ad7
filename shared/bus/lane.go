package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

const (
	// MaxLanes is how many own lanes may be open at a time in a shard, over all workers.
	// Every acknowledgement on a work queue walks all consumers of its stream:
	// at 48 a message costs 38 µs of the server, at 200 it costs 76 (measured).
	MaxLanes = 48

	// lanesLimit is what the server allows, whoever asks: a third more, for those
	// that change hands.
	lanesLimit = 64

	// A lane that nobody has pulled from for so long loses its consumer, if the
	// worker that opened it is not there to do it. What waits in it stays.
	laneInactive = 5 * time.Minute

	// LanePending bounds what of an own lane is handed out and not acknowledged; the
	// worker's own caps are far below.
	LanePending = 1024
)

var (
	// ErrNoLaneFree is returned by OpenLane while too many lanes are open.
	ErrNoLaneFree = errors.New("too many own lanes are open")

	// ErrLaneBusy is returned by CloseLane while messages of the lane are handed
	// out.
	ErrLaneBusy = errors.New("messages of the lane are not acknowledged yet")
)

// OwnLaneConsumer is the consumer of an own lane. It exists while the lane is
// open; in which shard that is OpenLane says.
func OwnLaneConsumer(l event.OwnLane) Consumer {
	return Consumer{Stream: event.StreamOverflow, Name: l.Name()}
}

// OpenLane makes the lane's consumer, or finds it, so that it can be pulled
// from. Only one worker at a time may have a lane open; that is for the workers
// to see to. It returns ErrNoLaneFree while the server has too many.
//
// When shards were added the lane may have messages in the one that its tenant was
// in before: then it is opened there, and so all of a lane is worked on in its order.
func (b *Bus) OpenLane(ctx context.Context, l event.OwnLane) (Consumer, error) {
	s, err := b.shardOf(ctx, l)
	if err != nil {
		return Consumer{}, fmt.Errorf("open lane %s: %w", l.Subject(), err)
	}
	c := OwnLaneConsumer(l).In(s)
	config := jetstream.ConsumerConfig{
		Durable:           c.Name,
		FilterSubject:     s.Subject(l.Subject()),
		AckPolicy:         jetstream.AckExplicitPolicy,
		AckWait:           ackWait,
		MaxDeliver:        -1,
		MaxAckPending:     LanePending,
		InactiveThreshold: laneInactive,
	}
	_, err = b.js.CreateConsumer(ctx, c.stream(), config)
	if refusedWith(err, createFailed) {
		// The server removes the files of a consumer of that name when it has said
		// that it is gone, and those of a new one with them (seen once, 2.15.2).
		_, err = b.js.CreateConsumer(ctx, c.stream(), config)
	}
	if refusedWith(err, maximumConsumers) {
		err = ErrNoLaneFree
	}
	if err != nil {
		return Consumer{}, fmt.Errorf("open lane %s: %w", l.Subject(), err)
	}
	return c, nil
}

func refusedWith(err error, code jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}

// shardOf is the oldest shard with messages of the lane, or where those to come go.
func (b *Bus) shardOf(ctx context.Context, l event.OwnLane) (event.Shard, error) {
	shards := event.ShardsOf(l.Tenant, b.Shards())
	last := len(shards) - 1
	for _, s := range shards[:last] {
		holds, err := b.laneHolds(ctx, l, s)
		if holds > 0 || err != nil {
			return s, err
		}
	}
	return shards[last], nil
}

// Drains reports whether the consumer is one of a shard that nothing new of the
// lane goes to.
func (b *Bus) Drains(l event.OwnLane, c Consumer) bool {
	return c.Shard != event.ShardOf(l.Tenant, b.Shards())
}

// What the server refuses a consumer with.
const (
	createFailed     jetstream.ErrorCode = 10012 // its files cannot be written
	maximumConsumers jetstream.ErrorCode = 10026 // the stream has all that it may have
)

// CloseLane removes the lane's consumer; what waits stays on the stream. It
// returns ErrLaneBusy while messages are handed out: an acknowledgement that
// comes after the consumer is gone is not heard, and the message would come
// again as if for the first time. That is just right for unstarted messages,
// given back by who had them and never worked on: so many may be out. A lane that
// is not open is closed.
func (b *Bus) CloseLane(ctx context.Context, l event.OwnLane, unstarted int) error {
	for _, s := range event.ShardsOf(l.Tenant, b.Shards()) {
		c := OwnLaneConsumer(l).In(s)
		before, err := b.backlog(ctx, c)
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			continue
		case err != nil:
			return err
		case before.Pending > unstarted:
			return fmt.Errorf("close lane %s: %w", l.Subject(), ErrLaneBusy)
		}
		if err := b.remove(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// ResetLane removes the lane's consumer even while messages are handed out. They
// come again when the lane is opened, at once and in their order, and as if for
// the first time: whoever resets a lane looks up what may have been done with
// them. It is for a lane whose worker died.
func (b *Bus) ResetLane(ctx context.Context, l event.OwnLane) error {
	for _, s := range event.ShardsOf(l.Tenant, b.Shards()) {
		if err := b.remove(ctx, OwnLaneConsumer(l).In(s)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bus) remove(ctx context.Context, lane Consumer) error {
	err := b.js.DeleteConsumer(ctx, lane.stream(), lane.Name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("close lane %s: %w", lane, err)
	}
	b.held.forget(lane)
	return nil
}

// OwnLanes lists the own lanes that hold messages, open or not, with how many.
// It costs what Subjects costs: ask every few seconds, and be told of news by
// OnSignal.
func (b *Bus) OwnLanes(ctx context.Context) (map[event.OwnLane]int, error) {
	subjects, err := b.Subjects(ctx, event.StreamOverflow, event.SubjectsOverflow)
	if err != nil {
		return nil, fmt.Errorf("list own lanes: %w", err)
	}
	lanes := make(map[event.OwnLane]int, len(subjects))
	for subject, n := range subjects {
		if l, err := event.ParseOwnLane(subject); err == nil { // else nobody of ours put it there
			lanes[l] = int(n) //nolint:gosec // a count
		}
	}
	return lanes, nil
}

// LaneHolds returns how many messages the lane has, open or not.
func (b *Bus) LaneHolds(ctx context.Context, l event.OwnLane) (int, error) {
	return b.laneHolds(ctx, l, event.ShardsOf(l.Tenant, b.Shards())...)
}

func (b *Bus) laneHolds(ctx context.Context, l event.OwnLane, shards ...event.Shard) (int, error) {
	subjects, err := b.subjects(ctx, shards, event.StreamOverflow, l.Subject())
	if err != nil {
		return 0, fmt.Errorf("count messages of lane %s: %w", l.Subject(), err)
	}
	return int(subjects[l.Subject()]), nil //nolint:gosec // a count
}

// signalPrefix is outside of all streams: signals are not stored.
const signalPrefix = "signal."

// Signal tells the workers that there is something in the lanes. It may be lost:
// who misses it finds the lane by OwnLanes.
func (b *Bus) Signal(lanes ...event.OwnLane) {
	for _, l := range lanes {
		_ = b.nc.Publish(signalPrefix+l.Subject(), nil) // lost without a connection, as it may be
	}
}

// OnSignal calls heard for each signal, one at a time, until stop is called.
// heard must not wait.
func (b *Bus) OnSignal(heard func(event.OwnLane)) (stop func(), err error) {
	sub, err := b.nc.Subscribe(signalPrefix+event.SubjectsOverflow, func(m *nats.Msg) {
		if l, err := event.ParseOwnLane(m.Subject[len(signalPrefix):]); err == nil {
			heard(l)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen for signals: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
