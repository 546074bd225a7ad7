package embedded

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// natsLog is the logger that nats-server wants. What the server calls fatal does
// not end this process but the start of the server.
type natsLog struct {
	log zerolog.Logger

	mu    sync.Mutex
	first error
}

func (*natsLog) Noticef(string, ...any) {}
func (*natsLog) Debugf(string, ...any)  {}
func (*natsLog) Tracef(string, ...any)  {}

func (l *natsLog) Warnf(format string, v ...any)  { l.log.Warn().Msgf(format, v...) }
func (l *natsLog) Errorf(format string, v ...any) { l.log.Error().Msgf(format, v...) }

// Fatalf keeps the first message, with the error in it that errors.Is can find.
func (l *natsLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first != nil {
		return
	}
	l.first = errors.New(fmt.Sprintf(format, v...)) //nolint:revive // the text may hold a %
	for _, arg := range v {
		if cause, ok := arg.(error); ok {
			l.first = &fatalError{text: l.first.Error(), cause: cause}
		}
	}
}

func (l *natsLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// fatalError is the server's own sentence and what caused it.
type fatalError struct {
	text  string
	cause error
}

func (e *fatalError) Error() string { return e.text }
func (e *fatalError) Unwrap() error { return e.cause }
