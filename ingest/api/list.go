package api

import (
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// list is one page of a list.
type list[T any] struct {
	Data         []T     `json:"data"`
	Iterator     *string `json:"iterator"`
	PrevIterator *string `json:"prevIterator"`
	Done         bool    `json:"done"`
}

// listOf makes a page of rows. Show makes what the client sees of a row, and key
// the iterator that leads on from it.
func listOf[R, T any](rows []R, more bool, show func(*R) T, key func(*R) string) reply {
	return ok(pageOf(rows, more, show, key))
}

func pageOf[R, T any](rows []R, more bool, show func(*R) T, key func(*R) string) list[T] {
	page := list[T]{Data: make([]T, len(rows)), Done: !more}
	for i := range rows {
		page.Data[i] = show(&rows[i])
	}
	if len(rows) > 0 {
		next, previous := key(&rows[len(rows)-1]), "-"+key(&rows[0])
		page.Iterator, page.PrevIterator = &next, &previous
	}
	return page
}

// historyOf makes a page of what happened. It may be short, or empty, and not be
// the last: then it leads on from where the search for it ended, and not from
// its last row.
func historyOf[R, T any](rows []R, asked store.Page[event.ID], rest store.Rest, kind event.Kind, show func(*R) T, id func(*R) event.ID) reply {
	page := pageOf(rows, rest.More, show, func(row *R) string { return kind.Format(id(row)) })
	if rest.More {
		next, previous := kind.Format(rest.From), "-"+kind.Format(rest.From)
		if !asked.Back || len(rows) == 0 {
			page.Iterator = &next
		}
		if asked.Back || len(rows) == 0 {
			page.PrevIterator = &previous
		}
	}
	return ok(page)
}
