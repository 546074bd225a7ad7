package embedded

import (
	"bytes"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

const (
	tailLines   = 20      // of the log are told with an error
	maxLogBytes = 8 << 10 // one line; what is longer is cut
)

// serverLog passes on what a PostgreSQL program writes to its standard error,
// line by line, and remembers the end of it for the error message.
type serverLog struct {
	log zerolog.Logger

	mu     sync.Mutex
	line   []byte // not yet ended
	level  zerolog.Level
	last   []string
	ending bool // the server is being stopped
}

func newServerLog(log zerolog.Logger) *serverLog {
	return &serverLog{log: log.With().Str("server", "postgres").Logger(), level: zerolog.DebugLevel}
}

// Write never fails: a server must not stumble over its log.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for part := range bytes.Lines(p) {
		text, ended := bytes.CutSuffix(part, []byte("\n"))
		l.line = append(l.line, text[:min(len(text), maxLogBytes-len(l.line))]...)
		if ended {
			l.passOn(string(l.line))
			l.line = l.line[:0]
		}
	}
	return len(p), nil
}

// passOn hands on a whole line, at the level that the server gave it. A line
// without one continues the line before.
func (l *serverLog) passOn(line string) {
	if line == "" { // of initdb's layout
		return
	}
	l.last = append(l.last, line)
	if len(l.last) > tailLines {
		l.last = l.last[1:]
	}
	severity, text, found := strings.Cut(line, ":  ")
	switch severity {
	case "DEBUG", "LOG", "INFO", "NOTICE":
		l.level = zerolog.DebugLevel
	case "FATAL":
		l.level = zerolog.WarnLevel
		if l.ending { // it cuts off a connection, as it was told
			l.level = zerolog.DebugLevel
		}
	case "WARNING", "ERROR": // an error is one statement's, FATAL one connection's
		l.level = zerolog.WarnLevel
	case "PANIC":
		l.level = zerolog.ErrorLevel
	default:
		found = false
	}
	if !found {
		text = line
	}
	l.log.WithLevel(l.level).Msg(text)
}

// forget makes the tail start anew.
func (l *serverLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = nil
}

// end is told that the server is about to be stopped.
func (l *serverLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
}

// tail returns the last lines, joined for an error message.
func (l *serverLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) == 0 {
		return "nothing"
	}
	return strings.Join(l.last, " | ")
}
