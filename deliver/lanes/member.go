package lanes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	beatEvery = 250 * time.Millisecond

	// leaseFor is how long a worker lives after the moment before its last
	// successful beat, and deadAfter how long the others wait after they heard of
	// it. The difference is for clocks that do not run equally fast.
	leaseFor  = 2 * time.Second
	deadAfter = 3 * time.Second

	// suspectAfter is the silence after which the others ask the server whether the
	// worker is still connected.
	suspectAfter = 600 * time.Millisecond

	// guardEvery is how soon a worker that lives no more stops what it does.
	guardEvery = 50 * time.Millisecond

	beatTimeout = time.Second
	joinTimeout = 5 * time.Second
)

// Why a life ended.
var (
	errLeft         = errors.New("left")
	errLeaseLapsed  = errors.New("its lease was not renewed in time")
	errDisconnected = errors.New("the connection was lost")
	errDeclaredDead = errors.New("the others took it for dead")
	errDeaf         = errors.New("the table is not heard any more")
)

// member is one life of a worker among the others. It begins with the creation of
// its record and ends with the deletion of that, by the worker itself or by
// another that has not heard of it for too long: then and only then the locks
// that it held can be taken. A beat changes the very revision that the beat
// before left, and so does a deletion, so one of them fails: a worker that was
// taken for dead cannot beat any more, whatever it was that kept it.
//
// Before that others find the record silent, its own lease has lapsed. A life that
// ended for any reason never goes on; the worker joins again under another id.
type member struct {
	bus        *bus.Bus
	table      *bus.Table
	id         string
	connection uint64 // that it lives on: without it, others may take it for dead at once
	changed    func(workers bool, lane event.OwnLane)

	end      context.CancelCauseFunc
	unlisted func() // stops answering to its name
	work     sync.WaitGroup

	mu       sync.Mutex
	record   string // when it was born, for people to read, or leaving
	view     *view
	revision uint64 // of its own record
	lease    time.Time
}

// join begins a life, which ends with the context that is returned. changed is
// called with every change of the table, and must not wait. The caller calls leave
// in any case.
func join(ctx context.Context, b *bus.Bus, changed func(workers bool, lane event.OwnLane)) (*member, context.Context, error) {
	undo := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	connection, ok := b.Connection()
	if !ok {
		return nil, nil, fmt.Errorf("join the workers: %w", bus.ErrDisconnected)
	}
	table, err := b.Workers(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("join the workers: %w", err)
	}
	m := &member{
		bus: b, table: table, id: rand.Text(), connection: connection, changed: changed,
		record: time.Now().UTC().Format(time.RFC3339),
		view:   newView(),
	}
	if m.unlisted, err = b.Present(m.id); err != nil {
		return nil, nil, fmt.Errorf("join the workers: %w", err)
	}
	m.lease = time.Now().Add(leaseFor)
	if m.revision, err = table.Create(ctx, m.key(), []byte(m.record)); err != nil {
		m.unlisted()
		return nil, nil, fmt.Errorf("join the workers: %w", err)
	}
	life, end := context.WithCancelCause(undo)
	m.end = end
	ready := make(chan struct{})
	m.work.Go(func() { m.watch(life, sync.OnceFunc(func() { close(ready) })) })
	m.work.Go(func() { m.beat(life) })
	m.work.Go(func() { m.guard(life) })
	m.work.Go(func() { m.bury(life) })
	select {
	case <-ready:
		return m, life, nil
	case <-life.Done():
		err = context.Cause(life)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	m.leave(undo)
	return nil, nil, fmt.Errorf("join the workers: %w", err)
}

func (m *member) key() string { return workerPrefix + m.id }

// retire has the others take over what they can while the worker finishes what it
// has. They hear of it with the next beat.
func (m *member) retire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.record = leaving
}

// leave ends the life, if it has not ended, and tells the others.
func (m *member) leave(ctx context.Context) {
	m.end(errLeft)
	m.work.Wait()
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	_ = m.table.Delete(ctx, m.key(), m.revision) // else they find out
	m.unlisted()
}

// valid reports whether nobody can have taken the worker for dead.
func (m *member) valid() bool { return m.fault(time.Now()) == nil }

func (m *member) fault(now time.Time) error {
	connection, ok := m.bus.Connection()
	m.mu.Lock()
	defer m.mu.Unlock()
	own, listed := m.view.workers[m.id]
	switch {
	case !ok || connection != m.connection:
		return errDisconnected
	case !now.Before(m.lease):
		return errLeaseLapsed
	case listed && now.Sub(own.at) > deadAfter:
		return errDeaf
	default:
		return nil
	}
}

// guard ends the life when its time has come.
func (m *member) guard(life context.Context) {
	every(life, guardEvery, func() {
		if err := m.fault(time.Now()); err != nil {
			m.end(err)
		}
	})
}

// beat renews the record and the lease.
func (m *member) beat(life context.Context) {
	every(life, beatEvery, func() {
		ctx, cancel := context.WithTimeout(life, beatTimeout)
		defer cancel()
		m.mu.Lock()
		record := []byte(m.record)
		m.mu.Unlock()
		began := time.Now()
		revision, err := m.table.Update(ctx, m.key(), record, m.revision)
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case err == nil:
			m.revision, m.lease = revision, began.Add(leaseFor)
		case errors.Is(err, bus.ErrOvertaken): // by the last beat, if its answer was lost
			m.revision = max(m.revision, m.view.workers[m.id].revision)
		}
	})
}

// watch keeps the view of the table.
func (m *member) watch(life context.Context, ready func()) {
	err := m.table.Watch(life, func(r bus.Record) {
		m.mu.Lock()
		workers, lane := m.view.apply(r, time.Now())
		m.view.seen = r.Revision
		m.mu.Unlock()
		if r.Key == m.key() && r.Value == nil {
			m.end(errDeclaredDead)
		}
		if workers || !lane.IsZero() {
			m.changed(workers, lane)
		}
	}, ready)
	if err != nil {
		m.end(err)
	}
}

// bury deletes the records of the dead.
func (m *member) bury(life context.Context) {
	every(life, beatEvery, func() {
		now := time.Now()
		m.mu.Lock()
		suspects := m.view.silent(now, suspectAfter)
		m.mu.Unlock()
		for _, id := range suspects {
			m.mu.Lock()
			last, ok := m.view.workers[id]
			m.mu.Unlock()
			if id == m.id || !ok {
				continue
			}
			if now.Sub(last.at) < deadAfter && !m.bus.Absent(life, id) {
				continue
			}
			ctx, cancel := context.WithTimeout(life, beatTimeout)
			_ = m.table.Delete(ctx, workerPrefix+id, last.revision) // overtaken: it lives; else tried again
			cancel()
		}
	})
}

// live lists the workers.
func (m *member) live() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view.live()
}

// every calls do again and again until life ends.
func every(life context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do()
		case <-life.Done():
			return
		}
	}
}
