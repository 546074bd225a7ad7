package fair

// list is a doubly linked list whose links lie in its items, so that adding and
// removing cost no memory and no search. The zero list is empty.
type list[T any] struct {
	first, last *link[T]
	len         int
}

// link is an item's place in the one list that it may be in.
type link[T any] struct {
	item       T
	in         *list[T] // nil: in none
	prev, next *link[T]
}

// push adds k, which must be in no list, at the end.
func (l *list[T]) push(k *link[T]) {
	k.in, k.prev, k.next = l, l.last, nil
	if l.last == nil {
		l.first = k
	} else {
		l.last.next = k
	}
	l.last = k
	l.len++
}

// remove takes k out of its list, if it is in one.
func (k *link[T]) remove() {
	if k.in == nil {
		return
	}
	if k.prev == nil {
		k.in.first = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		k.in.last = k.prev
	} else {
		k.next.prev = k.prev
	}
	k.in.len--
	k.in, k.prev, k.next = nil, nil, nil
}

// move puts k at the end of l, wherever it was.
func (k *link[T]) move(l *list[T]) {
	k.remove()
	l.push(k)
}
