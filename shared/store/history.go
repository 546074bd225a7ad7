package store

import (
	"time"

	"github.com/postrider/postrider/shared/event"
)

// lookBack is how far lists of what happened reach into the past, whatever is
// asked for: it bounds how many days a query can touch.
const lookBack = 90 * day

// A page is looked for in a day first, then in nine more, then in all the rest.
const (
	firstWindow  = day
	windowGrowth = 9
)

// window is a part of the past: ids from one on and below another.
type window struct{ from, to event.ID }

// within keeps to the ids in a window, so that PostgreSQL skips the other days.
func (q *query) within(column string, w window) {
	q.and(column+` >= %s`, w.from)
	q.and(column+` < %s`, w.to)
}

// span is the time that is looked at between two times, of which each may be
// zero: from lookBack ago until the youngest id that there may be.
func span(after, before time.Time) (oldest, newest time.Time) {
	now := time.Now()
	oldest, newest = latest(after, now.Add(-lookBack)), now.Add(clockSkew)
	if !before.IsZero() && before.Before(newest) {
		newest = before
	}
	return oldest, newest
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// between is all of span as one window.
func between(after, before time.Time) window {
	oldest, newest := span(after, before)
	return window{event.FloorID(oldest), event.FloorID(newest)}
}

// history reads a page of a list of what happened between two times, of which
// each may be zero. It looks in windows that grow, from where the page begins
// on, until the page is full: a query over all days costs more to be planned
// (measured: 90 ms for the messages at an endpoint, in forty partitions of two
// tables) than to be done, and most pages are full after a day.
//
// Read returns at most limit+1 rows of a page in a window, in its direction.
func history[T any](p Page[event.ID], after, before time.Time, read func(window, Page[event.ID]) ([]T, error)) ([]T, bool, error) {
	oldest, newest := span(after, before)
	up := p.Ascending != p.Back
	switch from := p.From.Time(); {
	case p.From.IsZero(): // the page begins where the list does
	case up:
		oldest = latest(oldest, from.Add(-time.Millisecond))
	case from.Before(newest):
		newest = from.Add(time.Millisecond)
	}
	var rows []T
	for length := firstWindow; oldest.Before(newest) && len(rows) <= p.Limit; length *= windowGrowth {
		part := p
		part.Limit -= len(rows)
		w := window{event.FloorID(oldest), event.FloorID(newest)}
		switch {
		case newest.Sub(oldest) <= length:
			oldest = newest
		case up:
			oldest = oldest.Add(length)
			w.to = event.FloorID(oldest)
		default:
			newest = newest.Add(-length)
			w.from = event.FloorID(newest)
		}
		more, err := read(w, part)
		if err != nil {
			return nil, false, err
		}
		rows = append(rows, more...)
	}
	page, more := cut(rows, p)
	return page, more, nil
}
