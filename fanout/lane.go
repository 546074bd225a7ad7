package fanout

import (
	"sync"
	"time"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

// What one process puts on the shared lanes for one tenant. A burst is what deliver
// has in flight for a tenant and as much again, so nobody quiet ever waits in a
// lane of its own; and what is ahead of a quiet tenant's delivery in a shared lane
// is at most that, however many events a loud one posts. The rate is a few percent
// of what the shared lanes carry.
const (
	rate  = 200 // a second
	burst = 64

	// Of priority high a quarter more, for the few that overtake a backlog. Many are
	// a backlog themselves.
	urgentRate  = rate / 4
	urgentBurst = burst / 4

	// Of priority low only from a bucket that is half full: it goes behind as soon
	// as there is something to go behind.
	lowReserve = burst / 2
)

// lanes decides by which lane deliveries go. It is safe for concurrent use, and all
// workers of a process share it.
type lanes struct {
	mu     sync.Mutex
	normal bucket
	urgent bucket
}

func newLanes() *lanes {
	return &lanes{normal: newBucket(rate, burst), urgent: newBucket(urgentRate, urgentBurst)}
}

// choose returns the own lane that the delivery goes by, or zero for the shared one,
// by which challenges always go: they are few, and have little time.
//
// A delivery that may be on its way already, since its batch was handed out before,
// must not overtake its copy: it is looked up before it is sent, but the copy is
// not. Which lane that went by is not known. So it goes by the tenant's lane: a
// copy that waits there is the same message to the stream, and one on a shared
// lane is ahead of it.
func (l *lanes) choose(e *directory.Endpoint, d *event.Delivery, again bool, now time.Time) event.OwnLane {
	home := e.Home(d)
	if home.IsZero() && !e.Asks(d) && (again || !l.shared(e.Tenant.ID, d.Priority, now)) {
		home.Tenant = e.Tenant.ID
	}
	return home
}

// shared reports whether the tenant may put one more on its shared lane.
func (l *lanes) shared(tenant event.ID, p event.Priority, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p {
	case event.High:
		return l.normal.take(tenant, 0, now) || l.urgent.take(tenant, 0, now)
	case event.Low:
		return l.normal.take(tenant, lowReserve, now)
	default:
		return l.normal.take(tenant, 0, now)
	}
}
