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
	// MaxLanes is how many own lanes may be open at a time, over all workers.
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
// open.
func OwnLaneConsumer(l event.OwnLane) Consumer {
	return Consumer{event.StreamOverflow, l.Name()}
}

// OpenLane makes the lane's consumer, or finds it, so that it can be pulled
// from. Only one worker at a time may have a lane open; that is for the workers
// to see to. It returns ErrNoLaneFree while the server has too many.
func (b *Bus) OpenLane(ctx context.Context, l event.OwnLane) error {
	_, err := b.js.CreateConsumer(ctx, event.StreamOverflow, jetstream.ConsumerConfig{
		Durable:           l.Name(),
		FilterSubject:     l.Subject(),
		AckPolicy:         jetstream.AckExplicitPolicy,
		AckWait:           ackWait,
		MaxDeliver:        -1,
		MaxAckPending:     LanePending,
		InactiveThreshold: laneInactive,
	})
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == maximumConsumers {
		return fmt.Errorf("open lane %s: %w", l.Subject(), ErrNoLaneFree)
	}
	if err != nil {
		return fmt.Errorf("open lane %s: %w", l.Subject(), err)
	}
	return nil
}

// maximumConsumers is the server's code for a stream that has all the consumers
// that it may have.
const maximumConsumers jetstream.ErrorCode = 10026

// CloseLane removes the lane's consumer; what waits stays on the stream. It
// returns ErrLaneBusy while messages are handed out: an acknowledgement that
// comes after the consumer is gone is not heard, and the message would come
// again as if for the first time. That is just right for unstarted messages,
// given back by who had them and never worked on: so many may be out. A lane that
// is not open is closed.
func (b *Bus) CloseLane(ctx context.Context, l event.OwnLane, unstarted int) error {
	c := OwnLaneConsumer(l)
	before, err := b.Backlog(ctx, c)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if before.Pending > unstarted {
		return fmt.Errorf("close lane %s: %w", l.Subject(), ErrLaneBusy)
	}
	return b.ResetLane(ctx, l)
}

// ResetLane removes the lane's consumer even while messages are handed out. They
// come again when the lane is opened, at once and in their order, and as if for
// the first time: whoever resets a lane looks up what may have been done with
// them. It is for a lane whose worker died.
func (b *Bus) ResetLane(ctx context.Context, l event.OwnLane) error {
	err := b.js.DeleteConsumer(ctx, event.StreamOverflow, l.Name())
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("close lane %s: %w", l.Subject(), err)
	}
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
	subjects, err := b.Subjects(ctx, event.StreamOverflow, l.Subject())
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
