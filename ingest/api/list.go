package api

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
	page := list[T]{Data: make([]T, len(rows)), Done: !more}
	for i := range rows {
		page.Data[i] = show(&rows[i])
	}
	if len(rows) > 0 {
		next, previous := key(&rows[len(rows)-1]), "-"+key(&rows[0])
		page.Iterator, page.PrevIterator = &next, &previous
	}
	return ok(page)
}
