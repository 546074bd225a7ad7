package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Page says which part of a list is wanted. A list is walked by the value of
// one column, which its index is on, and never by counting rows.
type Page[K event.ID | string | LetterKey] struct {
	Limit     int
	From      K    // the neighbour of the page, outside it; zero: the list begins here
	Ascending bool // the order in which the list is shown
	Back      bool // the page is before From, not after it
}

// query is a SELECT that is put together from the conditions asked for.
type query struct {
	sql  strings.Builder
	args []any
}

// newQuery begins with a SELECT that has a WHERE, and the arguments in it.
func newQuery(sql string, args ...any) *query {
	q := &query{args: args}
	q.sql.WriteString(sql)
	return q
}

// and adds a condition, in which %s stands for the argument.
func (q *query) and(condition string, arg any) {
	q.args = append(q.args, arg)
	fmt.Fprintf(&q.sql, " AND "+condition, fmt.Sprintf("$%d", len(q.args)))
}

// turn restricts and orders the query to a page over the column. It asks for one
// row more than the page has, which tells whether there are more.
func turn[K event.ID | string](q *query, column string, p Page[K]) {
	up := p.Ascending != p.Back
	var zero K
	if p.From != zero {
		if up {
			q.and(column+" > %s", p.From)
		} else {
			q.and(column+" < %s", p.From)
		}
	}
	q.sql.WriteString(" ORDER BY " + column)
	if !up {
		q.sql.WriteString(" DESC")
	}
	fmt.Fprintf(&q.sql, " LIMIT %d", p.Limit+1)
}

// turnPair is turn over two columns that make the key together.
func turnPair(q *query, event, endpoint string, p Page[LetterKey]) {
	sign, direction := ">", ""
	if p.Ascending == p.Back {
		sign, direction = "<", " DESC"
	}
	if p.From != (LetterKey{}) {
		q.args = append(q.args, p.From.Event, p.From.Endpoint)
		fmt.Fprintf(&q.sql, " AND (%s, %s) %s ($%d, $%d)", event, endpoint, sign, len(q.args)-1, len(q.args))
	}
	fmt.Fprintf(&q.sql, " ORDER BY %s%s, %s%[2]s LIMIT %[4]d", event, direction, endpoint, p.Limit+1)
}

// cut makes of the rows that turn asked for the page as it is shown, and tells
// whether there are more in the direction of the page.
func cut[T any, K event.ID | string | LetterKey](rows []T, p Page[K]) (page []T, more bool) {
	if more = len(rows) > p.Limit; more {
		rows = rows[:p.Limit]
	}
	if p.Back {
		slices.Reverse(rows)
	}
	return rows, more
}

// collect is pgx.CollectRows for functions that scan into a row.
func collect[T any](rows pgx.Rows, err error, scan func(pgx.Row, *T) error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) {
		var t T
		err := scan(row, &t)
		return t, err
	})
}
