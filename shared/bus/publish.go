package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

const headerFormat = "Postrider-Format"

// While a stream has no leader nobody answers a publish, and the server says so at
// once. Until there is one again, 4 to 6.5 s after the old one died (measured), the
// message is offered every so often: given up sooner, whatever it was about would
// be begun again, and batches would wait for the sweeper.
const (
	leaderlessRetries = 32
	leaderlessPause   = 250 * time.Millisecond
)

// Message is something to publish on a stream.
type Message struct {
	Subject string // without the number of a shard
	// Tenant whose it is, on a stream that is divided into shards; on others it is
	// not looked at.
	Tenant event.ID
	// ID is the same for every copy of the same hand-over; the stream drops
	// copies inside its duplicate window.
	ID   string
	Data []byte
}

// UnpublishedError is the error of Publish. It wraps what went wrong first, which
// may be one of the errors of this package.
type UnpublishedError struct {
	// Left are those of the group, by their places in it, that are not on their
	// stream, or may not be. The others are.
	Left []int

	of  int
	err error
}

// Error implements error.
func (e *UnpublishedError) Error() string {
	return fmt.Sprintf("publish %d of %d messages: %v", len(e.Left), e.of, e.err)
}

// Unwrap returns what went wrong first.
func (e *UnpublishedError) Unwrap() error { return e.err }

// Publish stores a group of messages and returns when all are acknowledged. Its
// error is an *UnpublishedError: hand those that are left over again, their ids
// make it harmless if they are stored after all. Groups are what makes a hop cheap
// (measured, per message at 3,000/s: 136 µs in groups of 30, 280 to 364 µs one by
// one).
func (b *Bus) Publish(ctx context.Context, group ...Message) error {
	b.state.begin()
	g := publishing{group: group, streamOf: b.streamOf, streams: make(map[string]*said, 1)}
	acks := b.send(&g)
	for i, ack := range acks {
		if ack == nil {
			continue
		}
		select {
		case <-ack.Ok():
			g.stored(i)
		case err := <-ack.Err():
			g.failed(i, err)
		case <-ctx.Done():
			for ; i < len(acks); i++ {
				if acks[i] != nil {
					g.leave(i, context.Cause(ctx))
				}
			}
			return g.end(b)
		}
	}
	return g.end(b)
}

// send puts the group on its way. What has no acknowledgement to wait for has
// failed.
func (b *Bus) send(g *publishing) []jetstream.PubAckFuture {
	acks := make([]jetstream.PubAckFuture, len(g.group))
	for i, m := range g.group {
		ack, err := b.begin(&m)
		if err == nil {
			acks[i] = ack
			continue
		}
		g.leave(i, explain(err))
		if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, errNoTenant) {
			continue // of this one alone
		}
		for rest := i + 1; rest < len(g.group); rest++ {
			g.leave(rest, explain(err))
		}
		break
	}
	return acks
}

// begin sends a message on its way.
func (b *Bus) begin(m *Message) (jetstream.PubAckFuture, error) {
	subject, err := b.address(m)
	if err != nil {
		return nil, err
	}
	return b.js.PublishMsgAsync(&nats.Msg{
		Subject: subject,
		Data:    m.Data,
		Header: nats.Header{
			jetstream.MsgIDHeader: {m.ID},
			headerFormat:          {event.Format},
		},
	}, jetstream.WithRetryAttempts(leaderlessRetries), jetstream.WithRetryWait(leaderlessPause))
}

// publishing is what has become of a group so far.
type publishing struct {
	group    []Message
	streamOf func(*Message) string
	streams  map[string]*said
	answered bool
	left     []int
	err      error
}

// said is what a stream answered.
type said struct {
	took    bool
	refused error
}

func (g *publishing) of(stream string) *said {
	s := g.streams[stream]
	if s == nil {
		s = new(said)
		g.streams[stream] = s
	}
	return s
}

func (g *publishing) stored(i int) {
	g.answered = true
	g.of(g.streamOf(&g.group[i])).took = true
}

func (g *publishing) failed(i int, err error) {
	err = explain(err)
	stream := g.streamOf(&g.group[i])
	if errors.Is(err, ErrFull) || errors.Is(err, ErrNoStream) {
		g.answered = true
		g.of(stream).refused = err
		err = fmt.Errorf("%s: %w", stream, err)
	}
	g.leave(i, err)
}

func (g *publishing) leave(i int, err error) {
	g.left = append(g.left, i)
	if g.err == nil {
		g.err = err
	}
}

func (g *publishing) end(b *Bus) error {
	b.state.end(g.answered, g.streams)
	if len(g.left) == 0 {
		return nil
	}
	slices.Sort(g.left)
	return &UnpublishedError{Left: g.left, of: len(g.group), err: g.err}
}

// What the server says when a stream, or all that it may store, is full.
const (
	storeFailed     jetstream.ErrorCode = 10077
	accountExceeded jetstream.ErrorCode = 10002
	noResources     jetstream.ErrorCode = 10023
	storageExceeded jetstream.ErrorCode = 10047
)

// explain makes our errors of those of the client library.
func explain(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionClosed):
		return ErrDisconnected
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout), errors.Is(err, jetstream.ErrTooManyStalledMsgs):
		return ErrSilent
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return ErrNoStream
	case !errors.As(err, &api):
		return err
	}
	switch api.ErrorCode {
	case storeFailed, accountExceeded, noResources, storageExceeded:
		return fmt.Errorf("%w: %s", ErrFull, api.Description)
	default:
		return err
	}
}
