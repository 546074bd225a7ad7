package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	maxStreams          = 256 // at the same time in a process: each asks the API again and again
	maxStreamsOfVisitor = 6   // with one token: more than a browser opens to one host

	streamLife  = 5 * time.Minute  // after which the browser connects again
	streamWrite = 10 * time.Second // for a browser to take what is said
)

// Live is a part of a page that goes on changing: server-sent events, each a template
// that takes the place of the last.
type Live struct {
	v       *Visit
	control *http.ResponseController
}

// Live answers with events for as long as the page is open. Work is called at once and
// then every so often, and says what is new by Send; an error of it is shown in the
// place of the part, and ends the stream only where the visitor's access has.
//
// A page that works without script shows the same part as it was when it was loaded.
func (v *Visit) Live(every time.Duration, work func(context.Context, *Live) error) error {
	leave, ok := v.in.streams.enter(v.session.Token.Reveal())
	if !ok {
		v.wrote = true
		v.w.Header().Set("Retry-After", "5")
		v.w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	defer leave()
	var watch sync.WaitGroup
	defer watch.Wait()
	ctx, cancel := context.WithTimeout(v.Context(), streamLife)
	defer cancel()
	watch.Go(func() {
		select {
		case <-v.in.Stopping:
			cancel()
		case <-ctx.Done():
		}
	})
	live := &Live{v: v, control: http.NewResponseController(v.w)}
	if err := live.begin(); err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for live.look(ctx, work) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil // the browser has gone, or is to come back
}

// begin says that events come. Neither the time of a request nor those of the server
// bound them.
func (l *Live) begin() error {
	l.v.wrote = true
	l.v.w.Header().Set("Content-Type", "text/event-stream")
	l.v.w.WriteHeader(http.StatusOK)
	if err := l.control.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("begin stream: %w", err)
	}
	return l.say(": hello\n\n")
}

// look has the work done once, or shows why it could not be, and reports whether there
// is somebody to go on for.
func (l *Live) look(ctx context.Context, work func(context.Context, *Live) error) bool {
	err := work(ctx, l)
	if err == nil {
		return true
	}
	status, view := l.v.in.view(l.v, err)
	if status == http.StatusUnauthorized || ctx.Err() != nil {
		return false
	}
	if status == http.StatusInternalServerError {
		l.v.in.Log.Error().Err(err).Str("route", l.v.r.Pattern).Msg("live part failed")
	}
	return l.Send("trouble", "error", "part", view) == nil
}

// Send puts a template of a page's file in the place of the event that has this name.
func (l *Live) Send(event, name, part string, view any) error {
	text, err := l.v.in.execute(name, part, view)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "event: %s\n", event)
	for line := range bytes.SplitSeq(bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), []byte("\n")) { // either ends a line of an event, also where a customer wrote it
		fmt.Fprintf(&out, "data: %s\n", line)
	}
	return l.say(out.String() + "\n")
}

// say writes and flushes. A browser that does not take it is given up.
func (l *Live) say(text string) error {
	if err := l.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return fmt.Errorf("bound writing: %w", err)
	}
	if _, err := l.v.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return l.control.Flush()
}

// streams counts those that are open.
type streams struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by token
}

// enter counts one more, unless there are too many. Leave is to be called at its end.
func (s *streams) enter(token string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.of[token] >= maxStreamsOfVisitor {
		return nil, false
	}
	if s.of == nil {
		s.of = make(map[string]int)
	}
	s.all++
	s.of[token]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[token]--; s.of[token] == 0 {
			delete(s.of, token)
		}
	}, true
}
