package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// ConsumerState is what a consumer has before it and in hand.
type ConsumerState struct {
	Consumer

	Filter      string // the subjects that it hands out
	Waiting     uint64 // stored and not handed out yet
	InFlight    int    // handed out and not acknowledged, those given back with a delay included
	Redelivered int    // of those, how many were handed out before
	Pulls       int    // requests that wait for messages; 0: nobody works on it, or has room
	Paused      time.Duration
}

// Discover tells what our streams are like, as Streams does, and learns from their
// names how many shards there are: for who has no database to ask.
func (b *Bus) Discover(ctx context.Context) (map[string]StreamState, error) {
	ctx, cancel := b.unlessDenied(ctx)
	defer cancel()
	states, err := b.Streams(ctx)
	if err != nil {
		return nil, because(ctx, err)
	}
	n := 1
	for n < event.MaxShards {
		if _, ok := states[event.Shards(n + 1)[n+1].Stream(event.StreamDeliver)]; !ok {
			break
		}
		n++
	}
	b.Divide(n)
	return states, nil
}

// Consumers tells of all consumers of a stream, by its name with or without a number.
func (b *Bus) Consumers(ctx context.Context, stream string) ([]ConsumerState, error) {
	ctx, cancel := b.unlessDenied(ctx)
	defer cancel()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", stream, because(ctx, err))
	}
	var all []ConsumerState
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		c := ConsumerState{
			Consumer: consumerOf(stream, info.Name), Filter: info.Config.FilterSubject,
			Waiting: info.NumPending, InFlight: info.NumAckPending, Redelivered: info.NumRedelivered, Pulls: info.NumWaiting,
		}
		if info.Paused {
			c.Paused = info.PauseRemaining
		}
		all = append(all, c)
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list consumers of %s: %w", stream, because(ctx, err))
	}
	return all, nil
}

// SubjectsIn tells how many messages a stream, by its name with or without a number,
// holds under each subject that matches the filter, and says subjects as they are
// there.
func (b *Bus) SubjectsIn(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	ctx, cancel := b.unlessDenied(ctx)
	defer cancel()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("list subjects of %s: %w", stream, because(ctx, err))
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("list subjects of %s: %w", stream, because(ctx, err))
	}
	return info.State.Subjects, nil
}

// Peeked is a message as it is stored.
type Peeked struct {
	Stream   string
	Sequence uint64 // its place on the stream
	Subject  string
	At       time.Time // since when it is there
	Header   map[string][]string
	Data     []byte
}

// PeekBack is how many places Peek looks at for the newest messages: most are empty
// on a stream that is worked off.
const PeekBack = 10_000

// Peek shows the messages of a stream, by its name with or without a number, whose
// subject the filter matches, the oldest first or the newest. It takes nothing away
// and holds nothing up. It is a look-up for each: ask for few. Of the newest it finds
// those on the last PeekBack places.
func (b *Bus) Peek(ctx context.Context, stream, filter string, newest bool) iter.Seq2[*Peeked, error] {
	return func(yield func(*Peeked, error) bool) {
		ctx, cancel := b.unlessDenied(ctx)
		defer cancel()
		s, err := b.js.Stream(ctx, stream)
		if err != nil {
			yield(nil, fmt.Errorf("look up stream %s: %w", stream, because(ctx, err)))
			return
		}
		next := oldestFirst(s, filter)
		if newest {
			next = newestFirst(s, filter)
		}
		for {
			m, err := next(ctx)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("look into %s: %w", stream, because(ctx, err)))
				return
			}
			if !yield(&Peeked{Stream: stream, Sequence: m.Sequence, Subject: m.Subject, At: m.Time, Header: m.Header, Data: m.Data}, nil) {
				return
			}
		}
	}
}

// oldestFirst returns one message after the other, and at last ErrMsgNotFound.
func oldestFirst(s jetstream.Stream, filter string) func(context.Context) (*jetstream.RawStreamMsg, error) {
	from := uint64(1)
	return func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		m, err := s.GetMsg(ctx, from, jetstream.WithGetMsgSubject(filter))
		if err == nil {
			from = m.Sequence + 1
		}
		return m, err
	}
}

// newestFirst does the same from the other end.
func newestFirst(s jetstream.Stream, filter string) func(context.Context) (*jetstream.RawStreamMsg, error) {
	var at, end uint64 // the place of the last message; where to give up
	return func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		if end == 0 {
			m, err := s.GetLastMsgForSubject(ctx, filter)
			if err == nil {
				at, end = m.Sequence, max(m.Sequence, PeekBack)-PeekBack+1
			}
			return m, err
		}
		for at--; at >= end; at-- {
			m, err := s.GetMsg(ctx, at)
			if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !matches(filter, m.Subject) {
				continue
			}
			return m, err
		}
		return nil, jetstream.ErrMsgNotFound
	}
}

// SubjectIn is a subject, or a filter, as it is on the stream of that name, which may
// have a number.
func SubjectIn(stream, subject string) string {
	if subject == ">" {
		return subject
	}
	return consumerOf(stream, "").Shard.Subject(event.Plain(subject))
}

// matches reports whether a filter, with * for a token and > for all that follow, is
// one of the subject.
func matches(filter, subject string) bool {
	for {
		want, wants, more := strings.Cut(filter, ".")
		have, has, left := strings.Cut(subject, ".")
		switch {
		case want == ">":
			return have != ""
		case want != "*" && want != have, more != left:
			return false
		case !more:
			return true
		}
		filter, subject = wants, has
	}
}
