package lanes

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// maxKnown bounds the lanes that a worker remembers. Those beyond are found
	// again by later sweeps.
	maxKnown = 100_000

	// turnLasts is how long a lane may be open while others wait for their turn.
	turnLasts = 3 * time.Second
)

// state is what a lane that is known does.
type state uint8

const (
	waiting state = iota // for its turn
	resting              // until its time comes
	serving              // somebody works on it
)

// entry is a lane on the board.
type entry struct {
	lane  event.OwnLane
	state state

	until   time.Time // resting until then
	blocked bool      // resting since another worker has it
	place   int       // among the resting

	since     time.Time // serving since then
	leave     context.CancelCauseFunc
	leaving   bool
	strange   bool // it is another worker's by now
	heard     bool // a signal came while it was served
	told      bool // something changed while it was served: its rest is void
	unblocked bool // its lock changed while it was served
}

// board is the lanes that are this worker's and have something to do now or later,
// in the order of their turns. It decides and does nothing; the keeper does.
type board struct {
	lanes   map[event.ID]map[event.ID]*entry // by tenant and endpoint
	known   int
	turns   turns
	resting rests
	served  map[*entry]struct{}
}

func newBoard() *board {
	return &board{
		lanes:  make(map[event.ID]map[event.ID]*entry),
		turns:  newTurns(),
		served: make(map[*entry]struct{}),
	}
}

// hear takes note that the lane may have messages. A lane that rests knows why.
func (b *board) hear(l event.OwnLane) {
	switch e := b.find(l); {
	case e == nil && b.known < maxKnown:
		b.wait(b.add(l))
	case e != nil && e.state == serving:
		e.heard = true
	}
}

// tell takes note that something has changed for the lane, so that its rest may be
// over. A lane that is not known is heard.
func (b *board) tell(l event.OwnLane) {
	if e := b.find(l); e != nil {
		b.wake(e)
		return
	}
	b.hear(l)
}

// tellTenant is tell for all known lanes of the tenant.
func (b *board) tellTenant(tenant event.ID) {
	for _, e := range b.lanes[tenant] {
		b.wake(e)
	}
}

// tellAll is tell for all known lanes.
func (b *board) tellAll() {
	for tenant := range b.lanes {
		b.tellTenant(tenant)
	}
}

// unblock takes note that the lane's lock has changed, which is news only for one
// that is blocked: this worker's own locks are heard of as well.
func (b *board) unblock(l event.OwnLane) {
	switch e := b.find(l); {
	case e == nil:
	case e.state == serving: // it may turn out to be blocked
		e.unblocked = true
	case e.blocked:
		b.wake(e)
	}
}

func (b *board) wake(e *entry) {
	switch e.state {
	case waiting:
	case resting:
		heap.Remove(&b.resting, e.place)
		b.wait(e)
	case serving:
		e.told = true
	}
}

// next returns the lane whose turn it is, while fewer than share are served. It is
// served from now on, until left is called.
func (b *board) next(now time.Time, share int) *entry {
	for len(b.resting) > 0 && !now.Before(b.resting[0].until) {
		b.wake(b.resting[0])
	}
	if len(b.served) >= share {
		return nil
	}
	e := b.turns.pop()
	if e == nil {
		return nil
	}
	b.served[e] = struct{}{}
	e.state, e.since = serving, now
	e.leaving, e.strange, e.heard, e.told, e.unblocked = false, false, false, false, false
	return e
}

// left takes note that nobody works on the lane any more. more says that it has
// messages; until is when they may be worked on, zero for now.
func (b *board) left(e *entry, more bool, until time.Time, blocked bool) {
	delete(b.served, e)
	e.leave = nil
	e.told = e.told || blocked && e.unblocked
	switch {
	case e.strange:
		b.forget(e)
	case !until.IsZero() && !e.told:
		e.state, e.until, e.blocked = resting, until, blocked
		heap.Push(&b.resting, e)
	case more || e.heard || e.told:
		b.wait(e)
	default:
		b.forget(e)
	}
}

// overstayed returns lanes that are to leave: those that are more than the share,
// and, for each lane that waits, one whose turn has lasted long enough.
func (b *board) overstayed(now time.Time, share int) []*entry {
	surplus := max(len(b.served)-share, 0)
	wanted := surplus + b.turns.len
	if wanted == 0 {
		return nil
	}
	var stay []*entry
	for e := range b.served {
		if !e.leaving {
			stay = append(stay, e)
		}
	}
	slices.SortFunc(stay, func(x, y *entry) int {
		return cmp.Or(x.since.Compare(y.since), cmp.Compare(x.lane.Subject(), y.lane.Subject()))
	})
	leaving := len(b.served) - len(stay)
	var leave []*entry
	for _, e := range stay {
		n := leaving + len(leave)
		if n >= wanted || n >= surplus && now.Sub(e.since) < turnLasts {
			break
		}
		e.leaving = true
		leave = append(leave, e)
	}
	return leave
}

// disown forgets the lanes that are not mine, and returns those of them that are
// served, which are to leave.
func (b *board) disown(mine func(tenant event.ID) bool) []*entry {
	b.turns.keep(mine)
	var leave []*entry
	for tenant, of := range b.lanes {
		own := mine(tenant)
		for _, e := range of {
			switch {
			case e.state == serving:
				e.strange = !own
				if !own && !e.leaving {
					e.leaving = true
					leave = append(leave, e)
				}
			case own:
			case e.state == waiting:
				b.forget(e)
			case e.state == resting:
				heap.Remove(&b.resting, e.place)
				b.forget(e)
			}
		}
	}
	return leave
}

// rested lists the lanes that rest.
func (b *board) rested() []*entry { return slices.Clone(b.resting) }

// swept takes note of which of the lanes that rested have messages: the others
// have nothing to rest for.
func (b *board) swept(rested []*entry, has func(event.OwnLane) bool) {
	for _, e := range rested {
		if e.state == resting && b.find(e.lane) == e && !has(e.lane) {
			heap.Remove(&b.resting, e.place)
			b.forget(e)
		}
	}
}

// alarm is when the next lane has rested; zero for never.
func (b *board) alarm() time.Time {
	if len(b.resting) == 0 {
		return time.Time{}
	}
	return b.resting[0].until
}

func (b *board) find(l event.OwnLane) *entry { return b.lanes[l.Tenant][l.Endpoint] }

func (b *board) add(l event.OwnLane) *entry {
	of := b.lanes[l.Tenant]
	if of == nil {
		of = make(map[event.ID]*entry)
		b.lanes[l.Tenant] = of
	}
	e := &entry{lane: l}
	of[l.Endpoint] = e
	b.known++
	return e
}

func (b *board) wait(e *entry) {
	e.state, e.blocked = waiting, false
	b.turns.push(e)
}

func (b *board) forget(e *entry) {
	of := b.lanes[e.lane.Tenant]
	delete(of, e.lane.Endpoint)
	if len(of) == 0 {
		delete(b.lanes, e.lane.Tenant)
	}
	b.known--
}
