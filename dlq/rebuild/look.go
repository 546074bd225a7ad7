package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// margin is how far clocks may be apart, and how long a look may take.
	margin = 30 * time.Second

	// unsynced is how much of what was stored last a server may lose without anybody
	// seeing it: it syncs its files that often.
	unsynced = 2 * time.Minute

	// consumersEvery is how often it is looked for consumers that are missing: each is
	// a question to the server.
	consumersEvery = time.Minute
)

// finding is what has changed since the last look.
type finding struct {
	missing []string // streams that are not there any more
	lost    []string // what is to be looked for: what these had
	met     bool     // the server is the one of an earlier look
}

// compare finds what the streams have lost since the last look. A stream that was
// put back to what it was once has fewer messages behind it than it had.
func compare(was store.Look, now map[string]bus.StreamState) finding {
	f := finding{met: was.Met || was.At.IsZero()}
	for _, m := range was.Marks {
		is, ok := now[m.Stream]
		if !ok {
			f.missing = append(f.missing, m.Stream)
		}
		if needed(m.Stream) && (!ok || !is.Created.Equal(m.Created) || is.LastSeq < m.LastSeq) {
			f.lost = append(f.lost, m.Stream)
		}
	}
	slices.Sort(f.missing)
	slices.Sort(f.lost)
	return f
}

// needed reports whether what a stream had must be looked for. What TASKS announced
// is announced again in any case, and workers join the table again by themselves.
func needed(stream string) bool {
	switch bus.Stem(stream) {
	case event.StreamEvents, event.StreamDeliver, event.StreamOverflow, event.StreamRetry, event.StreamDLQ:
		return true
	default:
		return false
	}
}

// look looks at the streams, makes again those that are missing and notes what it
// saw, together with what is to be looked for because of that. Whatever it has not
// noted when it ends it will see again.
func (w *watch) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("no answer within %s", lookTimeout))
	defer cancel()
	server := w.Bus.Server()
	was, err := w.db.LastLook(ctx, server)
	if err != nil {
		return err
	}
	now, err := w.Bus.Streams(ctx)
	if err != nil {
		return err
	}
	found := compare(was, now)
	if len(found.missing) > 0 {
		if err := w.remake(ctx, was, found.missing); err != nil {
			return err
		}
		if now, err = w.Bus.Streams(ctx); err != nil {
			return err
		}
	}
	if !found.met || time.Since(w.consumers) >= consumersEvery {
		if err := w.remakeConsumers(ctx, now); err != nil {
			return err
		}
	}
	r, err := w.toReconcile(ctx, was, found)
	if err != nil {
		return err
	}
	oldest, err := w.oldest(ctx, now)
	if err != nil {
		return err
	}
	if err := w.db.SaveLook(ctx, server, marksOf(now), oldest, r); err != nil {
		return err
	}
	w.Metrics.lost(r)
	w.looked = time.Now()
	return nil
}

// remake makes the missing streams as they were. The list of the streams is not
// trusted: one without a leader is not in it.
func (w *watch) remake(ctx context.Context, was store.Look, missing []string) error {
	for _, m := range was.Marks {
		if !slices.Contains(missing, m.Stream) {
			continue
		}
		gone, err := w.Bus.Gone(ctx, m.Stream)
		if err == nil && !gone {
			err = fmt.Errorf("stream %s is there and is not listed", m.Stream)
		}
		if err == nil {
			err = w.Bus.Remake(ctx, bus.StreamState{Name: m.Stream, Config: m.Config})
		}
		if err != nil {
			return err
		}
		w.Log.Warn().Str("stream", m.Stream).Msg("stream was missing; made again")
	}
	return nil
}

// remakeConsumers makes the consumers that are missing on any stream. What these had
// handed out comes again, and does not look like it.
func (w *watch) remakeConsumers(ctx context.Context, streams map[string]bus.StreamState) error {
	for _, s := range streams {
		made, err := w.Bus.RemakeConsumers(ctx, s)
		if made > 0 {
			w.Log.Warn().Str("stream", s.Name).Int("consumers", made).Msg("consumers were missing; made again")
			err = errors.Join(err, w.Bus.SpreadDoubt(time.Now()))
		}
		if err != nil {
			return err
		}
	}
	w.consumers = time.Now()
	return nil
}

// toReconcile is what is to be looked for because of the finding, nil for nothing.
func (w *watch) toReconcile(ctx context.Context, was store.Look, found finding) (*store.Reconciliation, error) {
	switch {
	case len(found.lost) > 0:
		since, err := w.db.Floor(ctx, was.At)
		return &store.Reconciliation{
			Since: since.Add(-margin), Lost: true, Reason: "lost: " + strings.Join(found.lost, ", "),
		}, err
	case !found.met:
		return &store.Reconciliation{Since: was.At.Add(-unsynced - margin), Reason: "NATS was started again"}, nil
	default:
		return nil, nil //nolint:nilnil // the usual case
	}
}

// oldest is since when the oldest message waits that is on its way to a first
// attempt or into the list of dead letters.
func (w *watch) oldest(ctx context.Context, streams map[string]bus.StreamState) (time.Time, error) {
	oldest := time.Now()
	for name, s := range streams {
		switch bus.Stem(name) {
		case event.StreamEvents, event.StreamDeliver, event.StreamOverflow:
			if !s.Oldest.IsZero() && s.Oldest.Before(oldest) {
				oldest = s.Oldest
			}
		}
	}
	dead, err := w.Bus.Unrecorded(ctx)
	if err == nil && !dead.Oldest.IsZero() && dead.Oldest.Before(oldest) {
		oldest = dead.Oldest
	}
	return oldest, err
}

func marksOf(streams map[string]bus.StreamState) []store.StreamMark {
	marks := make([]store.StreamMark, 0, len(streams))
	for _, s := range streams {
		marks = append(marks, store.StreamMark{Stream: s.Name, Created: s.Created, LastSeq: s.LastSeq, Config: s.Config})
	}
	return marks
}
