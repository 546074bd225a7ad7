package deliver

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// mostUnrecorded is how many attempts may have been made and not be recorded.
	// When the process dies all of them are made again, so it bounds what arrives
	// twice. Slots and groups alone bounded it to some 3,000, and a stream let loose
	// after an outage filled them: with that, up to 1,200 deliveries came twice when
	// deliver was killed, and 300 on average with seed 4 of bench/chaos (measured on a
	// busy machine, where a commit took 0.2 to 0.7 s). With a twentieth of a second until
	// a record is committed, 5,000 attempts a second need as many as this.
	mostUnrecorded = 256

	// briefCall is how long a call is counted, too, before it has ended. Those that
	// take longer are not counted until they have: they would keep the quick ones from
	// starting.
	briefCall = 50 * time.Millisecond
)

// unrecorded bounds the attempts that are made and not recorded.
type unrecorded struct {
	room *semaphore.Weighted

	mu   sync.Mutex
	over int // that are counted and have no room: calls that took long, and have ended
}

func newUnrecorded() *unrecorded { return &unrecorded{room: semaphore.NewWeighted(mostUnrecorded)} }

// begin waits until one more attempt may be made.
func (u *unrecorded) begin(ctx context.Context) (*debt, error) {
	if err := u.room.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	d := &debt{to: u, counted: true}
	d.brief = time.AfterFunc(briefCall, d.settle)
	return d, nil
}

// debt is an attempt that will have to be recorded.
type debt struct {
	to      *unrecorded
	brief   *time.Timer
	counted bool
}

// made tells that the call has ended: from here on it counts until it is settled.
func (d *debt) made() {
	d.brief.Stop()
	d.to.mu.Lock()
	defer d.to.mu.Unlock()
	if !d.counted && !d.to.room.TryAcquire(1) {
		d.to.over++
	}
	d.counted = true
}

// settle tells that the attempt is recorded, or never will be by this process. The
// debt of an attempt that was not made now is nil.
func (d *debt) settle() {
	if d == nil {
		return
	}
	d.to.mu.Lock()
	defer d.to.mu.Unlock()
	switch {
	case !d.counted:
	case d.to.over > 0:
		d.to.over--
	default:
		d.to.room.Release(1)
	}
	d.counted = false
}
