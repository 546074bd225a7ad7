// Package group is group commit: what many callers want done at the same time
// is done in one go. Where somebody waits for it there is no timer: a group is
// whatever has come together while the one before it was being committed, so the
// commit itself is the window; under load groups are large and cheap, and a single
// caller waits for nobody (measured: a timed window of 1 to 5 ms helps 64 callers
// nothing). What nobody waits for is paced, since each commit keeps the disk from
// those that somebody does wait for.
package group

import "time"

// Run commits what comes in groups, of so many items at most, until in is closed and
// everything that came was committed. Several Runs may share a channel; while one
// waits for its commit the next one fills its group.
func Run[T any](in <-chan T, most int, commit func([]T)) {
	for first := range in {
		commit(gather([]T{first}, in, most))
	}
}

// Paced is Run for what has time: a commit begins no sooner than every after the one
// before began, unless the group is full or something urgent is in it. So what comes
// one by one comes to fewer and larger groups, and what comes alone does not wait.
func Paced[T any](in <-chan T, most int, every time.Duration, urgent func(T) bool, commit func([]T)) {
	var last time.Time
	for first := range in {
		group := await(first, in, most, time.Until(last.Add(every)), urgent)
		last = time.Now()
		commit(gather(group, in, most))
	}
}

// await adds to the first what comes until the wait is over, the group is full or
// something in it is urgent.
func await[T any](first T, in <-chan T, most int, wait time.Duration, urgent func(T) bool) []T {
	group := []T{first}
	over := time.NewTimer(wait)
	defer over.Stop()
	for !urgent(group[len(group)-1]) && len(group) < most {
		select {
		case item, ok := <-in:
			if !ok {
				return group
			}
			group = append(group, item)
		case <-over.C:
			return group
		}
	}
	return group
}

// gather adds to the group what is there, without waiting.
func gather[T any](group []T, in <-chan T, most int) []T {
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
