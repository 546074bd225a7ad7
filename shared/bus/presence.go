package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// presencePrefix is outside of all streams: questions are not stored.
const presencePrefix = "present."

// answerWithin is how long Absent waits for an answer. That nobody is there to
// give one is said by the server, in less than a millisecond.
const answerWithin = 200 * time.Millisecond

// Present answers whoever asks for the name, until stop is called. A process that
// died answers no more, and the server knows it as soon as it knows that the
// connection is gone.
func (b *Bus) Present(name string) (stop func(), err error) {
	sub, err := b.nc.Subscribe(presencePrefix+name, func(m *nats.Msg) {
		_ = m.Respond(nil) // who asks will ask again
	})
	if err != nil {
		return nil, fmt.Errorf("answer to %s: %w", name, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Absent reports whether the server is sure that nobody answers to the name. A
// process that is only slow, or stopped in the middle of its work, is not absent.
func (b *Bus) Absent(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, err := b.nc.RequestWithContext(ctx, presencePrefix+name, nil)
	return errors.Is(err, nats.ErrNoResponders)
}

// Connection numbers the connections that the bus has had to the servers, from 0.
// It is not ok while there is none. Whoever finds the number that it found before
// has been connected all the time, as far as this process can know.
func (b *Bus) Connection() (number uint64, ok bool) {
	number = b.nc.Stats().Reconnects
	return number, b.nc.IsConnected()
}
