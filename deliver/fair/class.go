package fair

import "github.com/postrider/postrider/shared/event"

// class is the order of the classes: the lower goes first.
type class int

const (
	first class = iota
	retry
	replay
	classes
)

func classOf(c event.Class) class {
	switch c {
	case event.First:
		return first
	case event.Retry:
		return retry
	default:
		return replay
	}
}

// usage is attempts in flight by their class.
type usage [classes]int

func (u *usage) total() int { return u[first] + u[retry] + u[replay] }

// room reports whether one more of the class has room within limit. What goes
// later never holds all slots, so that what goes before it finds some at once:
// retries and replays together three quarters, replays half. That holds for the
// slots of the worker, of each tenant and of each endpoint.
func (u *usage) room(c class, limit int) bool {
	switch {
	case u.total() >= limit:
		return false
	case c == first:
		return true
	case u[retry]+u[replay] >= max(limit*3/4, 1):
		return false
	default:
		return c == retry || u[replay] < max(limit/2, 1)
	}
}

// contended is how many slots a class may hold while one before it waits for a
// slot: a quarter for retries, an eighth for replays.
func contended(c class, slots int) int { return max(slots>>(c+1), 1) }
