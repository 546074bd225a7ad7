package embedded

import (
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

// Fatalf keeps the first message.
func (l *natsLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first != nil {
		return
	}
	failure := &natsError{text: fmt.Sprintf(format, v...)}
	for _, arg := range v {
		if cause, ok := arg.(error); ok {
			failure.cause = cause
		}
	}
	l.first = failure
}

func (l *natsLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// natsError is the server's own sentence and the error that it was made of.
type natsError struct {
	text  string
	cause error
}

func (e *natsError) Error() string { return e.text }
func (e *natsError) Unwrap() error { return e.cause }
