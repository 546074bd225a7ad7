package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// lookBack is how far lists of what happened reach into the past, whatever is
// asked for: it bounds how many days a query can touch.
const lookBack = 90 * day

// A page is looked for in a day first, and among as many rows as it has, or among
// pageBudget when not all of them fit. Where that is not enough, more days are
// looked at, but no more rows than that: what hardly anything matches is found
// over many short pages rather than by one that takes seconds.
const (
	firstWindow  = day
	windowGrowth = 9
	pageBudget   = 500
)

// Rest is what may follow a page of what happened, in its direction.
type Rest struct {
	More bool     // there may be more
	From event.ID // everything up to here was looked at: the next page begins beside it
}

// search is where a page of what happened is looked for.
type search struct {
	after, before time.Time     // zero: no bound
	window        time.Duration // that is looked in first
	filtered      bool          // not every row in it fits
}

// seen is a row that was looked at.
type seen struct {
	id, event event.ID
	fits      bool // it is what was asked for
}

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

// history finds a page of a list of what happened. It looks in windows that
// grow, from where the page begins on, until the page is full: a query over all
// days costs more to be planned (measured: 90 ms for the messages at an endpoint,
// in forty partitions of two tables) than to be done, and most pages are full
// after a day. When the budget is used up before, the page ends there, as far as
// it got.
//
// Look returns the rows of a page in a window, in its direction, whether they
// fit or not.
func (s *Store) history(p Page[event.ID], in search, look func(window, Page[event.ID]) ([]seen, error)) (found []event.ID, rest Rest, err error) {
	oldest, newest := in.behind(p)
	up := p.Ascending != p.Back
	part, rows, budget := p, p.Limit+1, s.pageBudget
	if in.filtered {
		rows = budget
	}
	for oldest.Before(newest) {
		if budget == 0 {
			return found, Rest{true, part.From}, nil
		}
		rows = min(rows, budget)
		part.Limit = rows - 1 // turn asks for one more
		from, to := in.next(oldest, newest, up)
		looked, err := look(window{event.FloorID(from), event.FloorID(to)}, part)
		if err != nil {
			return nil, Rest{}, err
		}
		for _, row := range looked {
			switch {
			case !row.fits:
			case len(found) == p.Limit:
				return found, Rest{true, found[p.Limit-1]}, nil
			default:
				found = append(found, row.id)
			}
		}
		budget -= len(looked)
		switch {
		case len(looked) == rows: // there may be more in this window
			part.From = looked[rows-1].id
			rows = budget
			continue
		case up:
			oldest = to
		default:
			newest = from
		}
		in.window *= windowGrowth
	}
	return found, Rest{}, nil
}

// behind is the time that a page can be in.
func (in search) behind(p Page[event.ID]) (oldest, newest time.Time) {
	oldest, newest = span(in.after, in.before)
	switch from := p.From.Time(); {
	case p.From.IsZero(): // the page begins where the list does
	case p.Ascending != p.Back:
		oldest = latest(oldest, from.Add(-time.Millisecond))
	case from.Before(newest):
		newest = from.Add(time.Millisecond)
	}
	return oldest, newest
}

// next is the window that is looked in next, of the time that is left.
func (in search) next(oldest, newest time.Time, up bool) (from, to time.Time) {
	switch {
	case newest.Sub(oldest) <= in.window:
		return oldest, newest
	case up:
		return oldest, oldest.Add(in.window)
	default:
		return newest.Add(-in.window), newest
	}
}

// look reads an id, an event and whether they fit from each row of a query.
func (s *Store) look(ctx context.Context, q *query) ([]seen, error) {
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	return collect(rows, err, func(row pgx.Row, r *seen) error { return row.Scan(&r.id, &r.event, &r.fits) })
}

// fetch reads the rows of the ids that were found, as the page shows them.
func fetch[T any](ctx context.Context, s *Store, q *query, ids []event.ID, p Page[event.ID], scan func(pgx.Row, *T) error) ([]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	q.and(`id = ANY(%s)`, ids)
	q.sql.WriteString(` ORDER BY id`)
	if !p.Ascending {
		q.sql.WriteString(` DESC`)
	}
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	return collect(rows, err, scan)
}
