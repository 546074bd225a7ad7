package lanes

import (
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// The keys of the table.
const (
	workerPrefix = "worker."
	lanePrefix   = "lane."
)

func lockKey(l event.OwnLane) string { return lanePrefix + l.Subject() }

// view is what one worker knows of the table.
type view struct {
	workers map[string]heard
	locks   map[event.OwnLane]lock
	seen    uint64 // the revision that the watch has come to
}

// heard is when a worker was heard last, by the clock of whoever heard it, so that
// no two clocks are compared.
type heard struct {
	revision uint64
	at       time.Time
	leaving  bool // it has locks still, and takes no more
}

// leaving is the record of a worker that is about to leave.
const leaving = "leaving"

// lock is a lane's record.
type lock struct {
	holder   string
	revision uint64
}

func newView() *view {
	return &view{workers: make(map[string]heard), locks: make(map[event.OwnLane]lock)}
}

// apply takes note of a change, unless a later one is known. It reports whether a
// worker came, goes or went, and which lane's lock changed, if one did.
func (v *view) apply(r bus.Record, now time.Time) (workers bool, lane event.OwnLane) {
	if id, ok := strings.CutPrefix(r.Key, workerPrefix); ok {
		return v.applyWorker(id, r, now), event.OwnLane{}
	}
	subject, _ := strings.CutPrefix(r.Key, lanePrefix)
	l, err := event.ParseOwnLane(subject)
	switch {
	case err != nil: // of a newer version, or nobody's
		return false, event.OwnLane{}
	case r.Revision < v.locks[l].revision:
		return false, event.OwnLane{}
	case r.Value == nil:
		delete(v.locks, l)
	default:
		v.locks[l] = lock{string(r.Value), r.Revision}
	}
	return false, l
}

func (v *view) applyWorker(id string, r bus.Record, now time.Time) (changed bool) {
	before, known := v.workers[id]
	switch {
	case r.Revision < before.revision:
		return false
	case r.Value == nil:
		delete(v.workers, id)
		return known
	default:
		after := heard{r.Revision, now, string(r.Value) == leaving}
		v.workers[id] = after
		return !known || after.leaving != before.leaving
	}
}

// live lists the workers that lanes can belong to, in order.
func (v *view) live() []string {
	ids := make([]string, 0, len(v.workers))
	for id, h := range v.workers {
		if !h.leaving {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// silent lists the workers that were not heard for so long.
func (v *view) silent(now time.Time, long time.Duration) []string {
	var ids []string
	for id, h := range v.workers {
		if now.Sub(h.at) >= long {
			ids = append(ids, id)
		}
	}
	return ids
}

// orphans lists the lanes whose holder is dead.
func (v *view) orphans() []event.OwnLane {
	var lanes []event.OwnLane
	for l, k := range v.locks {
		if _, alive := v.workers[k.holder]; !alive {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// heldBy returns the locks that are a worker's.
func (v *view) heldBy(id string) map[event.OwnLane]lock {
	held := make(map[event.OwnLane]lock)
	for l, k := range v.locks {
		if k.holder == id {
			held[l] = k
		}
	}
	return held
}
