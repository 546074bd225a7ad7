package quota

import "container/list"

// recent is a map that holds so many at most: what was not used for longest goes
// first.
type recent[K comparable, V any] struct {
	max   int
	items map[K]*list.Element
	order *list.List // of entry[K, V], the one used last comes last
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](limit int) recent[K, V] {
	return recent[K, V]{max: limit, items: make(map[K]*list.Element), order: list.New()}
}

func (r *recent[K, V]) get(key K) (value V, ok bool) {
	e, ok := r.items[key]
	if !ok {
		return value, false
	}
	r.order.MoveToBack(e)
	return e.Value.(entry[K, V]).value, true
}

// put adds what is not there.
func (r *recent[K, V]) put(key K, value V) {
	if len(r.items) >= r.max {
		oldest := r.order.Front()
		delete(r.items, oldest.Value.(entry[K, V]).key)
		r.order.Remove(oldest)
	}
	r.items[key] = r.order.PushBack(entry[K, V]{key, value})
}

func (r *recent[K, V]) drop(key K) {
	if e, ok := r.items[key]; ok {
		r.order.Remove(e)
		delete(r.items, key)
	}
}
