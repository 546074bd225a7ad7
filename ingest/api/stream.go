package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	maxStreams         = 256 // at the same time in a process: each may ask the database twice a second
	maxStreamsOfTenant = 8

	streamPause = 500 * time.Millisecond // between two looks for what has come
	streamBeat  = 15 * time.Second       // the longest that nothing is said
	streamLife  = 5 * time.Minute        // after which the caller is to be admitted again
	streamWrite = 10 * time.Second       // for a client to take what is said
)

// stream is the body of a reply that goes on for as long as the context lives,
// or until it fails.
type stream func(context.Context, *flow) error

// flow is where a stream writes.
type flow struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send writes and flushes. A client that does not take it is given up.
func (f *flow) send(format string, args ...any) error {
	if err := f.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return fmt.Errorf("bound writing: %w", err)
	}
	if _, err := fmt.Fprintf(f.w, format, args...); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return f.control.Flush()
}

// run answers with a stream, which neither the time of a request nor those of the
// server bound. It ends when the client goes, when its time is over and when the
// server stops.
func (s *server) run(w http.ResponseWriter, r *http.Request, a answer) {
	var watch sync.WaitGroup
	defer watch.Wait()
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	watch.Go(func() {
		select {
		case <-s.Stopping:
			cancel()
		case <-ctx.Done():
		}
	})
	if r.Method == http.MethodHead {
		cancel()
	}
	f := &flow{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	err := f.control.SetReadDeadline(time.Time{}) // or the connection would end with it
	if err == nil {
		err = f.send("")
	}
	if err == nil {
		err = a.stream(ctx, f)
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Info().Err(err).Str("route", r.Pattern).Msg("stream ended early")
	}
}

// streams counts those that are open.
type streams struct {
	mu  sync.Mutex
	all int
	of  map[event.ID]int
}

// enter counts one more, unless there are too many. Leave is to be called at its
// end.
func (s *streams) enter(tenant event.ID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams {
		return nil, comeBack("Too many streams at once")
	}
	if s.of[tenant] >= maxStreamsOfTenant {
		return nil, tooMany("Too many streams of this application at once")
	}
	if s.of == nil {
		s.of = make(map[event.ID]int)
	}
	s.all++
	s.of[tenant]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[tenant]--; s.of[tenant] == 0 {
			delete(s.of, tenant)
		}
	}, nil
}
