package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// maxAnswers bounds what a Census gathers, and so its memory: more processes of a
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

// How long who asks waits for answers: so long in any case, as nobody knows who has
// come since the last time, and no longer than that for those who answered then.
const (
	answersSoon = 20 * time.Millisecond
	answersLate = 200 * time.Millisecond
)

// Census asks all who answer at a subject, again and again. It is not safe for
// concurrent use.
type Census struct {
	bus     *Bus
	subject string
	before  int // how many answered the last time
}

// Census returns one in which nobody has been asked yet.
func (b *Bus) Census(subject string) *Census { return &Census{bus: b, subject: subject} }

// Take asks all, and returns what came: nothing at once when there is nobody. Whoever
// takes longer than 200 ms to answer is missed, and so is one who is new and takes
// longer than 20 ms. It returns ErrDisconnected while there is no server.
func (c *Census) Take(ctx context.Context) ([][]byte, error) {
	if err := c.bus.Connected(); err != nil {
		return nil, err
	}
	answers, err := c.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask at %s: %w", c.subject, err)
	}
	c.before = len(answers)
	return answers, nil
}

func (c *Census) take(ctx context.Context) (all [][]byte, err error) {
	sub, err := c.bus.nc.SubscribeSync(answers + rand.Text())
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.bus.nc.PublishRequest(c.subject, sub.Subject, nil); err != nil {
		return nil, err
	}
	asked := time.Now()
	for len(all) < maxAnswers {
		within := answersLate
		if c.before > 0 && len(all) >= c.before {
			within = answersSoon
		}
		m, err := next(ctx, sub, asked.Add(within))
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, m.Data)
	}
	return all, nil
}

func next(ctx context.Context, sub *nats.Subscription, until time.Time) (*nats.Msg, error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}
