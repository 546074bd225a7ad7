// Package group is group commit: what many callers want done at the same time
// is done in one go. There is no timer. A group is whatever has come together
// while the one before it was being committed, so the commit itself is the
// window: under load groups are large and cheap, and a single caller waits for
// nobody (measured: a timed window of 1 to 5 ms helps 64 callers nothing).
package group

// Limit bounds a group.
type Limit[T any] struct {
	Items int         // at most so many
	Bytes int         // at most so many, but always one item; 0: no bound
	Size  func(T) int // of an item in bytes; used only when Bytes is set
}

// Run commits what comes in until in is closed and everything that came was
// committed. Several Runs may share a channel; while one waits for its commit
// the next one fills its group.
func Run[T any](in <-chan T, limit Limit[T], commit func([]T)) {
	var rest []T // the item that did not fit, if any
	for {
		if len(rest) == 0 {
			first, ok := <-in
			if !ok {
				return
			}
			rest = []T{first}
		}
		var full []T
		full, rest = gather(rest, in, limit)
		commit(full)
	}
}

// gather adds to the group what is there, without waiting. An item that would
// make the group too large is returned apart, to begin the next one.
func gather[T any](group []T, in <-chan T, limit Limit[T]) (full, rest []T) {
	bytes := 0
	if limit.Bytes > 0 {
		bytes = limit.Size(group[0])
	}
	for len(group) < limit.Items {
		select {
		case item, ok := <-in:
			if !ok {
				return group, nil
			}
			if limit.Bytes > 0 {
				if bytes += limit.Size(item); bytes > limit.Bytes {
					return group, []T{item}
				}
			}
			group = append(group, item)
		default:
			return group, nil
		}
	}
	return group, nil
}

// Isolate does work on the group, and when work fails because of the data in it
// (bad says so) does it on halves, until those items are alone whose fault it is:
// one bad item does not fail the others. It calls each for every item with its
// own result. Errors that do not blame the data are everybody's at once.
func Isolate[T any](group []T, bad func(error) bool, work func([]T) error, each func(T, error)) {
	err := work(group)
	if err == nil || len(group) == 1 || !bad(err) {
		for _, item := range group {
			each(item, err)
		}
		return
	}
	half := len(group) / 2
	Isolate(group[:half], bad, work, each)
	Isolate(group[half:], bad, work, each)
}
