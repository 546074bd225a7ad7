package lanes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// errTaken is returned by take while the lane is a living worker's.
var errTaken = errors.New("another worker has the lane")

// take takes the lane's lock, which is the worker's until it lets go or its life
// ends. orphan says that the last holder died with it. It returns errTaken while
// another has it.
func (m *member) take(ctx context.Context, l event.OwnLane) (orphan bool, err error) {
	m.mu.Lock()
	k, locked := m.view.locks[l]
	_, alive := m.view.workers[k.holder]
	m.mu.Unlock()
	var revision uint64
	switch {
	case !locked:
		revision, err = m.table.Create(ctx, lockKey(l), []byte(m.id))
	case k.holder == m.id: // taken before, when the answer was lost
		revision, err = m.table.Update(ctx, lockKey(l), []byte(m.id), k.revision)
	case alive:
		err = errTaken
	default:
		orphan = true
		if err = m.sureDead(ctx, k.holder); err == nil {
			revision, err = m.table.Update(ctx, lockKey(l), []byte(m.id), k.revision)
		}
	}
	if errors.Is(err, bus.ErrOvertaken) {
		err = m.reread(ctx, l)
	}
	if err != nil {
		return false, fmt.Errorf("lock lane %s: %w", l.Subject(), err)
	}
	m.note(bus.Record{Key: lockKey(l), Value: []byte(m.id), Revision: revision})
	return orphan, nil
}

// sureDead returns errTaken when the worker has a record after all. What one
// hears at first of a table that changes meanwhile has gaps.
func (m *member) sureDead(ctx context.Context, id string) error {
	_, err := m.table.Get(ctx, workerPrefix+id)
	switch {
	case errors.Is(err, bus.ErrNoRecord):
		return nil
	case err != nil:
		return err
	default:
		return errTaken
	}
}

// reread takes note of a lock that is not what was known, and returns errTaken.
func (m *member) reread(ctx context.Context, l event.OwnLane) error {
	r, err := m.table.Get(ctx, lockKey(l))
	switch {
	case errors.Is(err, bus.ErrNoRecord):
		m.mu.Lock()
		delete(m.view.locks, l)
		m.mu.Unlock()
	case err != nil:
		return err
	default:
		m.note(r)
	}
	return errTaken
}

// release gives the lane's lock back. What cannot be given back now is given back
// after one of the next sweeps.
func (m *member) release(ctx context.Context, l event.OwnLane) error {
	m.mu.Lock()
	k := m.view.locks[l]
	m.mu.Unlock()
	if k.holder != m.id {
		return nil
	}
	return m.unlock(ctx, l, k)
}

// unlock deletes the lane's lock if it is still that one.
func (m *member) unlock(ctx context.Context, l event.OwnLane, k lock) error {
	err := m.table.Delete(ctx, lockKey(l), k.revision)
	if err != nil && !errors.Is(err, bus.ErrOvertaken) {
		return fmt.Errorf("unlock lane %s: %w", l.Subject(), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view.locks[l] == k {
		delete(m.view.locks, l)
	}
	return nil
}

// held returns the locks that are the worker's.
func (m *member) held() map[event.OwnLane]lock {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view.heldBy(m.id)
}

// orphans lists the lanes whose holder died with them.
func (m *member) orphans() []event.OwnLane {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view.orphans()
}

// note takes note of a record that did not come by the watch, unless the watch is
// past it.
func (m *member) note(r bus.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Revision > m.view.seen {
		m.view.apply(r, time.Now())
	}
}
