package bus

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/nats-io/nats.go"
)

// DeniedError says that the server does not let this process do something: its user
// has no right to (see Users). Waiting does not mend that. Whoever published or
// asked hears of it only that no answer came, so it is the bus that tells.
type DeniedError struct {
	Action  string // what was not allowed: publish or subscribe
	Subject string // to what
}

// Error implements error.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("NATS does not allow this process to %s to %s", e.Action, e.Subject)
}

var denial = regexp.MustCompile(`(Publish|Subscription) to "([^"]*)"`) //nolint:gochecknoglobals // constant

// readDenial makes a DeniedError of what the client library says of one.
func readDenial(err error) (*DeniedError, bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return nil, false
	}
	found := denial.FindStringSubmatch(err.Error())
	if found == nil {
		return &DeniedError{Action: "publish or subscribe", Subject: err.Error()}, true
	}
	action := map[string]string{"Publish": "publish", "Subscription": "subscribe"}[found[1]]
	return &DeniedError{Action: action, Subject: found[2]}, true
}

// Denied returns what the server did not allow this process last, since the
// connection was made; nil when it has allowed everything.
func (b *Bus) Denied() error {
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	if b.state.denied == nil {
		return nil
	}
	return b.state.denied
}

// Denials counts what the server did not allow this process.
func (b *Bus) Denials() uint64 { return b.state.denials.Load() }

// unlessDenied returns a context for questions to JetStream that ends also when the
// server denies this process anything: who may not ask gets no answer. cancel must be
// called when they are done.
func (b *Bus) unlessDenied(ctx context.Context) (context.Context, context.CancelFunc) {
	unless, end := context.WithCancelCause(ctx)
	denied := b.state.nextDenial()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-denied:
			end(b.Denied())
		case <-unless.Done():
		}
	}()
	return unless, func() {
		end(nil)
		<-watched
	}
}

// because is why there was no answer within the context of unlessDenied.
func because(unless context.Context, err error) error {
	if denied, ok := errors.AsType[*DeniedError](context.Cause(unless)); ok {
		return denied
	}
	return err
}

func (s *state) deny(denied *DeniedError) {
	s.denials.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = denied
	if s.denying != nil {
		close(s.denying)
		s.denying = nil
	}
}

// nextDenial returns a channel that is closed at the next one.
func (s *state) nextDenial() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denying == nil {
		s.denying = make(chan struct{})
	}
	return s.denying
}
