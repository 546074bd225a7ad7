package lanes

import (
	"container/heap"
	"slices"

	"github.com/postrider/postrider/shared/event"
)

// turns is the lanes that wait for their turn. Tenants take turns, and the lanes
// of each go in the order in which they came: a tenant with a thousand lanes is not
// in the way of one that has a single one.
type turns struct {
	of    map[event.ID][]*entry
	order []event.ID
	len   int
}

func newTurns() turns { return turns{of: make(map[event.ID][]*entry)} }

func (t *turns) push(e *entry) {
	tenant := e.lane.Tenant
	if len(t.of[tenant]) == 0 {
		t.order = append(t.order, tenant)
	}
	t.of[tenant] = append(t.of[tenant], e)
	t.len++
}

func (t *turns) pop() *entry {
	if len(t.order) == 0 {
		return nil
	}
	tenant := t.order[0]
	t.order = t.order[1:]
	e := t.of[tenant][0]
	t.of[tenant] = t.of[tenant][1:]
	t.len--
	if len(t.of[tenant]) > 0 {
		t.order = append(t.order, tenant)
	} else {
		delete(t.of, tenant)
	}
	return e
}

// keep takes out all lanes of the tenants that are not mine.
func (t *turns) keep(mine func(tenant event.ID) bool) {
	t.order = slices.DeleteFunc(t.order, func(tenant event.ID) bool {
		if mine(tenant) {
			return false
		}
		t.len -= len(t.of[tenant])
		delete(t.of, tenant)
		return true
	})
}

// rests is the lanes that rest, as a heap: the one that has rested first comes
// first.
type rests []*entry

var _ heap.Interface = (*rests)(nil)

func (r rests) Len() int           { return len(r) }
func (r rests) Less(i, j int) bool { return r[i].until.Before(r[j].until) }

func (r rests) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].place, r[j].place = i, j
}

// Push implements heap.Interface.
func (r *rests) Push(x any) {
	e := x.(*entry) //nolint:forcetypeassert // nothing else is pushed
	e.place = len(*r)
	*r = append(*r, e)
}

// Pop implements heap.Interface.
func (r *rests) Pop() any {
	last := len(*r) - 1
	e := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	return e
}
