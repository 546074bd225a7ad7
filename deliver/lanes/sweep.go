package lanes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// sweepEvery is how often all lanes with messages are listed, for what was
	// signalled in vain.
	sweepEvery = 15 * time.Second

	// sweepPause keeps workers that come and go from having them listed more often.
	sweepPause = 500 * time.Millisecond

	sweepTimeout = 10 * time.Second
)

// sweeps finds lanes with messages that no signal told of.
func (k *Keeper) sweeps(ctx context.Context, m *member) {
	for {
		if err := k.sweepOnce(ctx, m); err != nil && ctx.Err() == nil {
			k.Log.Warn().Err(err).Msg("own lanes cannot be listed; trying again")
		}
		regular := time.NewTimer(sweepEvery)
		select {
		case <-regular.C:
		case <-k.sweep:
			select {
			case <-time.After(sweepPause):
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
		regular.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (k *Keeper) sweepOnce(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sweepTimeout, fmt.Errorf("no answer within %s", sweepTimeout))
	defer cancel()
	k.mu.Lock()
	rested := make(map[*board][]*entry) // what rests since then may be younger than the list
	for _, b := range k.boards {
		rested[b] = b.rested()
	}
	k.mu.Unlock()
	lanes, err := k.Bus.OwnLanes(ctx)
	if err != nil {
		return err
	}
	k.changeAll(func(b *board) {
		b.swept(rested[b], func(l event.OwnLane) bool { return lanes[l] > 0 })
	})
	for l := range lanes {
		k.hear(l)
	}
	return k.releaseStray(ctx, m)
}

// releaseStray gives back the locks that could not be given back when their lanes
// were left. A lane that is visited again meanwhile has a lock of a later revision.
func (k *Keeper) releaseStray(ctx context.Context, m *member) error {
	stray := m.held()
	k.mu.Lock()
	for l := range stray {
		if e := k.board(l.Tenant).find(l); e != nil && e.state == serving {
			delete(stray, l)
		}
	}
	k.mu.Unlock()
	var failed error
	for l, held := range stray {
		failed = errors.Join(failed, m.unlock(ctx, l, held))
	}
	return failed
}
