package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// maxAnswers bounds what AskAll gathers, and so its memory: more processes of a
// stage than anybody has.
const maxAnswers = 256

// answers begins the subjects that answers come to. They are no inboxes: so whoever
// may answer can still put nothing into the inbox of who asked.
const answers = "answers."

// Answer has answer called for each question at the subject, one at a time, until
// stop is called. Every process that answers at a subject is asked. answer must
// not wait.
func (b *Bus) Answer(subject string, answer func() []byte) (stop func(), err error) {
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) {
		_ = m.Respond(answer()) // who asked and has gone needs no answer
	})
	if err != nil {
		return nil, fmt.Errorf("answer at %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// AskAll asks all who answer at the subject and returns what came within the
// time: nothing at once when there is nobody, and not what came later.
func (b *Bus) AskAll(ctx context.Context, subject string, within time.Duration) ([][]byte, error) {
	sub, err := b.nc.SubscribeSync(answers + rand.Text())
	if err != nil {
		return nil, fmt.Errorf("ask at %s: %w", subject, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.PublishRequest(subject, sub.Subject, nil); err != nil {
		return nil, fmt.Errorf("ask at %s: %w", subject, err)
	}
	over, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var all [][]byte
	for len(all) < maxAnswers {
		m, err := sub.NextMsgWithContext(over)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("ask at %s: %w", subject, context.Cause(ctx))
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("ask at %s: %w", subject, err)
		}
		all = append(all, m.Data)
	}
	return all, nil
}
