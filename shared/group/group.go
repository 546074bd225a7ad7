// Package group is group commit: what many callers want done at the same time
// is done in one go. There is no timer. A group is whatever has come together
// while the one before it was being committed, so the commit itself is the
// window: under load groups are large and cheap, and a single caller waits for
// nobody (measured: a timed window of 1 to 5 ms helps 64 callers nothing).
package group

// Run commits what comes in groups, of so many items at most, until in is closed and
// everything that came was committed. Several Runs may share a channel; while one
// waits for its commit the next one fills its group.
func Run[T any](in <-chan T, most int, commit func([]T)) {
	for first := range in {
		commit(gather(first, in, most))
	}
}

// gather adds to the first what is there, without waiting.
func gather[T any](first T, in <-chan T, most int) []T {
	group := []T{first}
	for len(group) < most {
		select {
		case item, ok := <-in:
			if !ok {
				return group
			}
			group = append(group, item)
		default:
			return group
		}
	}
	return group
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
