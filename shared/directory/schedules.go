package directory

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// schedules are the retry schedules of the event types that have their own: all
// of them, since they are few, read again as a whole after any event type has
// changed.
type schedules struct {
	mu     sync.RWMutex
	known  map[string][]time.Duration // nil: not read yet
	read   uint64                     // how many changes are in known
	change uint64                     // how many there were, counted from 1
}

func (s *schedules) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change++
}

// current is what is known, and whether it was told that there is anything newer.
func (s *schedules) current() (known map[string][]time.Duration, change uint64, stale bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known, s.change, s.known == nil || s.read != s.change
}

// remember keeps what was read after a number of changes, unless newer is known.
func (s *schedules) remember(known map[string][]time.Duration, change uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || change > s.read {
		s.known, s.read = known, change
	}
}

// RetrySchedule returns the delays after failed attempts of the event type: nil
// when it has none of its own, empty for no retries. It asks the database only
// after a change; while the database is away what was known last goes on.
func (d *Directory) RetrySchedule(ctx context.Context, eventType string) ([]time.Duration, error) {
	known, change, stale := d.types.current()
	if !stale {
		return known[eventType], nil
	}
	loaded, err, _ := d.loads.Do(fmt.Sprintf("types %d", change), func() (any, error) {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), loadTimeout, errLoadTimeout)
		defer cancel()
		fresh, err := d.store.TypeSchedules(ctx)
		if err == nil {
			d.types.remember(fresh, change)
		}
		return fresh, err
	})
	switch {
	case err == nil:
		return loaded.(map[string][]time.Duration)[eventType], nil //nolint:forcetypeassert // it returns nothing else
	case known != nil:
		return known[eventType], nil
	default:
		return nil, err
	}
}
