package deliver

import (
	"slices"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// A window takes so many messages in, and twice twice as many while it waits for
	// one that is missing. So far apart may two messages be that come in the wrong
	// order; it is also what the consumer of a lane hands out.
	windowSize = 256
	windowFull = 1024

	// missingFor is how long a message that is missing is waited for. What ingest did
	// not publish is swept after 5 s, what died with fanout comes again after 30, and
	// when a server of a NATS cluster stops, publishing may have taken 18 s before that
	// and nobody have heard that the batch was given back.
	missingFor = 90 * time.Second

	// askAgain is how soon the database is asked again for what is missing.
	askAgain = 500 * time.Millisecond
)

// held is a message of an ordered endpoint that waits for its turn.
type held struct {
	msg      *bus.Msg
	delivery *event.Delivery
	made     *store.Attempt // the newest of this leg; nil: none
	place    event.Place
	looked   bool // made was looked up
}

func (h *held) leg() store.Leg { return store.Leg{Event: h.delivery.Event, Run: h.delivery.Run} }

// window is the messages of an ordered endpoint that came last, in the order of
// acceptance, and what is known of those that did not come. Messages can cross on
// their way into the lane, so the first of the window starts only when nothing that
// was accepted before it is still on its way. It decides and does nothing.
type window struct {
	held []*held // by place; of the same place, by arrival

	// Everything up to here is done, or held, or was waited for in vain.
	known event.Place

	missing map[event.Place]time.Time // since when, of what was not there at the last answer
	asked   time.Time                 // when the answer came; zero: something has changed since
}

// put takes a message in. One without a place in the order goes behind what is
// there.
func (w *window) put(m *bus.Msg, d *event.Delivery) {
	h := &held{msg: m, delivery: d, place: d.Place()}
	if d.Tx == 0 {
		h.place = w.highest()
	}
	if _, ok := w.missing[h.place]; ok {
		w.asked = time.Time{}
	}
	i, _ := slices.BinarySearchFunc(w.held, h, func(have, h *held) int {
		if c := have.place.Compare(h.place); c != 0 {
			return c
		}
		return -1 // behind it
	})
	w.held = slices.Insert(w.held, i, h)
}

func (w *window) highest() event.Place {
	if len(w.held) == 0 {
		return w.known
	}
	last := w.held[len(w.held)-1].place
	if last.Compare(w.known) < 0 {
		return w.known
	}
	return last
}

// room is how many more messages it takes.
func (w *window) room() int {
	size := windowSize
	if len(w.missing) > 0 {
		size = windowFull
	}
	return max(size-len(w.held), 0)
}

// next returns the message that may start. When it is nil, ask says that the
// question of what is missing would help; otherwise an arrival would, or to come
// back at the time given, if it is not zero.
func (w *window) next(now time.Time) (h *held, ask bool, again time.Time) {
	if len(w.held) == 0 {
		return nil, false, time.Time{}
	}
	h = w.held[0]
	switch again = w.asked.Add(askAgain); {
	case h.looked && h.place.Compare(w.known) <= 0:
		return h, false, time.Time{}
	case h.looked && now.Before(again):
		return nil, false, again
	default:
		return nil, true, time.Time{}
	}
}

// question is what to look up: the newest attempts of what was not looked up yet,
// and what is missing in a span, which is empty when everything is known.
type question struct {
	about []*held
	span  store.Span
}

func (q *question) events() []event.ID {
	ids := make([]event.ID, len(q.about))
	for i, h := range q.about {
		ids[i] = h.delivery.Event
	}
	return ids
}

func (q *question) spans() bool { return q.span.After.Compare(q.span.Before) < 0 }

// ask returns the question. slack is how far ids may be from the order of
// acceptance, and first the same where nothing is known of what came before.
func (w *window) ask(slack, first time.Duration) question {
	var q question
	oldest, newest := w.held[0].delivery.Event.Time(), w.held[0].delivery.Event.Time()
	for _, h := range w.held {
		if !h.looked {
			q.about = append(q.about, h)
		}
		if at := h.delivery.Event.Time(); h.delivery.Tx > 0 && at.After(newest) {
			newest = at
		}
	}
	q.span = store.Span{After: w.known, Before: w.highest(), Since: w.known.Event.Time().Add(-slack), Until: newest.Add(slack)}
	if w.known.Tx == 0 {
		q.span.Since = oldest.Add(-first)
	}
	return q
}

// answer takes note of the answer: the newest attempts, and the events of the span,
// in order, that the database says are not done with. It returns how many of
// them were waited for in vain.
func (w *window) answer(q question, made map[store.Leg]store.Attempt, unknown []event.Place, now time.Time) (lost int) {
	for _, h := range q.about {
		h.looked = true
		if a, ok := made[h.leg()]; ok {
			h.made = &a
		}
	}
	here := make(map[event.Place]bool, len(w.held))
	for _, h := range w.held {
		here[h.place] = true
	}
	missing := make(map[event.Place]time.Time)
	known := q.span.Before
	if len(unknown) == windowFull { // and there may be more
		known = unknown[windowFull-1]
	}
	for _, p := range slices.Backward(unknown) {
		if here[p] {
			continue
		}
		since, ok := w.missing[p]
		if !ok {
			since = now
		}
		missing[p] = since
		if now.Sub(since) < missingFor {
			known = w.lastBefore(p)
		}
	}
	if known.Compare(w.known) > 0 {
		w.known = known
	}
	for p := range missing {
		if p.Compare(w.known) <= 0 {
			delete(missing, p)
			lost++
		}
	}
	w.missing, w.asked = missing, now
	return lost
}

// lastBefore is the place of the last message before p.
func (w *window) lastBefore(p event.Place) event.Place {
	i, _ := slices.BinarySearchFunc(w.held, p, func(h *held, p event.Place) int { return h.place.Compare(p) })
	if i == 0 {
		return event.Place{}
	}
	return w.held[i-1].place
}

// done takes the first message out, which is finished, and returns its copies,
// which nobody needs any more.
func (w *window) done() (copies []*held) {
	first := w.held[0]
	w.held = slices.DeleteFunc(w.held, func(h *held) bool {
		if h == first {
			return true
		}
		if h.leg() == first.leg() {
			copies = append(copies, h)
			return true
		}
		return false
	})
	return copies
}
