package store

import (
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Ref names a row as its owner does: by the id or, when that is zero, by the
// uid that the owner gave it.
type Ref struct {
	ID  event.ID
	UID string
}

// args are the parameters of the condition (id = $n OR uid = $n+1), of which one
// is NULL and so matches nothing.
func (r Ref) args() (id *event.ID, uid *string) {
	if r.ID.IsZero() {
		return nil, &r.UID
	}
	return &r.ID, nil
}

// blank makes the empty text NULL.
func blank(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// timeOf makes NULL the zero time.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// moment makes the zero time NULL.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// positive makes zero NULL.
func positive[N int | time.Duration](n N) *N {
	if n == 0 {
		return nil
	}
	return &n
}
