package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// kind is what can be done to a process or a link.
type kind string

const (
	killed kind = "killed" // SIGKILL, and started again at once
	frozen kind = "frozen" // SIGSTOP, and SIGCONT after a while
	cutOne kind = "cut at one connection"
	cut    kind = "cut at all connections"
	hung   kind = "hung" // nothing arrives for a while, and nobody is told
	down   kind = "down" // killed, and started again after a while
)

// trouble is one thing that was done.
type trouble struct {
	kind   kind
	target target
	began  time.Time
	ended  time.Time // when the cause was gone: at once where there is nothing to end
}

// target is a process, or the link from one to another.
type target struct{ from, to string }

func process(name string) target { return target{to: name} }

func (t target) isLink() bool { return t.from != "" }

func (t target) String() string {
	if t.isLink() {
		return t.from + "→" + t.to
	}
	return t.to
}

func (t trouble) String() string { return fmt.Sprintf("%s %s", t.target, t.kind) }

// diary is what was done, in the order of its beginning. It is safe for
// concurrent use.
type diary struct {
	mu      sync.Mutex
	entries []trouble
}

// begin notes a trouble, and returns what notes its end.
func (d *diary) begin(k kind, t target) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	n := len(d.entries)
	d.entries = append(d.entries, trouble{k, t, now, now})
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.entries[n].ended = time.Now()
	}
}

func (d *diary) all() []trouble {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.entries)
}

// spell is a time in which not all stages were ready.
type spell struct {
	from, to time.Time
	why      string // which was not
}

// settled is how soon another spell must begin to belong to the one before.
const settled = time.Second

// recovery is how long after a trouble's end all were ready again, for good.
// Where others began before that, it counts from the end of the last of them.
func recovery(t trouble, all []trouble, spells []spell) time.Duration {
	well, from := wellAgain(t, spells), t.ended
	for _, other := range all {
		if other.began.Before(well) && other.ended.After(from) {
			from = other.ended
		}
	}
	return max(well.Sub(from), 0)
}

// wellAgain is when all were ready again after a trouble. The spells are in the
// order of time.
func wellAgain(t trouble, spells []spell) time.Time {
	well := t.ended
	for _, s := range spells {
		if !s.from.After(well.Add(settled)) && s.to.After(well) {
			well = s.to
		}
	}
	return well
}

// recordSlack is how long before a trouble an attempt may have been made that it
// kept from being recorded or acknowledged, and how long after one things go on
// that it began.
const recordSlack = 2 * time.Second

// blame says which trouble made a delivery arrive again: one around its first
// success that kept the attempt from being recorded or acknowledged, or its answer
// from being heard. Only what deliver is, or needs for that, can be it. It is not
// ok when there is none.
func blame(r repeat, all []trouble, spells []spell) (t trouble, ok bool) {
	for _, suspect := range []func(target) bool{
		func(t target) bool { return !t.isLink() && strings.HasPrefix(t.to, deliverStage) },
		func(t target) bool { return t.to == receivers },
		func(t target) bool { return strings.HasPrefix(t.to, natsServer) && ofDeliver(t) },
		func(t target) bool { return t.to == postgres && ofDeliver(t) },
	} {
		for _, t := range all {
			if suspect(t.target) && around(r.first, t, spells) {
				return t, true
			}
		}
	}
	return trouble{}, false
}

// ofDeliver tells whether a trouble of a server reaches deliver.
func ofDeliver(t target) bool { return !t.isLink() || strings.HasPrefix(t.from, deliverStage) }

func around(a arrival, t trouble, spells []spell) bool {
	return a.answered.After(t.began.Add(-recordSlack)) && a.at.Before(wellAgain(t, spells).Add(recordSlack))
}
