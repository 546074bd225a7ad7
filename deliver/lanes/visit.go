package lanes

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	// patience is how long a lane stays open when nothing comes, and haste how long
	// while others wait for their turn.
	patience = 5 * time.Second
	haste    = 250 * time.Millisecond

	retryFailed = 2 * time.Second        // after an error
	retryTaken  = time.Second            // while another worker has the lane; its lock tells sooner
	retryNoLane = 500 * time.Millisecond // while the server has too many

	// A lane that was left is closed when its last acknowledgements have arrived at
	// the server: asked again every so often, and left open when they do not come.
	// Those of a worker that died are waited for like this: they never come, and
	// the messages come again.
	closeEvery = 50 * time.Millisecond
	closeTries = 20
	retryBusy  = 5 * time.Second

	tableTimeout = 5 * time.Second
)

// Lane is an open lane that this worker has to itself.
type Lane struct {
	event.OwnLane

	Consumer bus.Consumer // to pull from

	keeper *Keeper
	member *member
}

// Held reports whether the lane is this worker's beyond doubt. Nothing of the lane
// may be started without having asked.
func (l *Lane) Held() bool { return l.member.valid() }

// HandedOver reports whether the lane is left to another worker, which waits for
// it, and not just for a while. ctx is that of Serve.
func (l *Lane) HandedOver(ctx context.Context) bool { return handedOver(ctx) }

func handedOver(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errTurnOver)
}

// Patience is how long Serve waits for a message before it takes the lane for
// idle.
func (l *Lane) Patience() time.Duration {
	if l.keeper.Bus.Drains(l.OwnLane, l.Consumer) { // what is new waits elsewhere
		return haste
	}
	l.keeper.mu.Lock()
	defer l.keeper.mu.Unlock()
	if l.keeper.board(l.Tenant).turns.len > 0 {
		return haste
	}
	return patience
}

// verdict is how a visit ended.
type verdict struct {
	more    bool      // there are messages
	until   time.Time // rest until then; zero: no rest
	blocked bool      // since another worker has the lane
}

func rest(d time.Duration) verdict { return verdict{until: time.Now().Add(d)} }

// visit works on a lane whose turn has come: lock, open, serve, close, unlock. ctx
// ends when the lane must be left, life when it is this worker's no more.
func (k *Keeper) visit(ctx, life context.Context, m *member, l event.OwnLane) verdict {
	plan, err := k.Plan(ctx, l)
	switch {
	case err != nil:
		return k.failed(ctx, l, err)
	case time.Now().Before(plan.Until):
		return verdict{until: plan.Until}
	}
	orphan, err := m.take(ctx, l)
	if errors.Is(err, errTaken) {
		return verdict{until: time.Now().Add(retryTaken), blocked: true}
	}
	if err != nil {
		return k.failed(ctx, l, err)
	}
	defer k.release(context.WithoutCancel(ctx), m, l)
	if orphan {
		k.handOvers.Add(1)
	}
	consumer, err := k.open(ctx, l, plan.Exact && orphan)
	if errors.Is(err, bus.ErrNoLaneFree) {
		return rest(retryNoLane)
	}
	if err != nil {
		return k.failed(ctx, l, err)
	}
	left := plan.Serve(ctx, life, &Lane{OwnLane: l, Consumer: consumer, keeper: k, member: m})
	if handedOver(ctx) {
		k.handOvers.Add(1)
		return verdict{more: true, until: left.Until} // it stays open for whoever is next
	}
	return k.close(context.WithoutCancel(ctx), m, l, left)
}

func (k *Keeper) open(ctx context.Context, l event.OwnLane, anew bool) (bus.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	if anew {
		if err := k.Bus.ResetLane(ctx, l); err != nil {
			return bus.Consumer{}, err
		}
	}
	return k.Bus.OpenLane(ctx, l)
}

// close closes the lane and looks whether something came in the last moment: what
// is published after that is signalled to a lane that is not open any more.
func (k *Keeper) close(ctx context.Context, m *member, l event.OwnLane, left Left) verdict {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	err := k.Bus.CloseLane(ctx, l, left.Unstarted)
	for n := 1; n < closeTries && errors.Is(err, bus.ErrLaneBusy) && m.valid(); n++ {
		time.Sleep(closeEvery)
		err = k.Bus.CloseLane(ctx, l, left.Unstarted)
	}
	switch {
	case errors.Is(err, bus.ErrLaneBusy):
		if again := time.Now().Add(retryBusy); again.After(left.Until) {
			return verdict{until: again}
		}
		return verdict{until: left.Until}
	case err != nil:
		return k.failed(ctx, l, err)
	case !left.Until.IsZero():
		return verdict{until: left.Until}
	}
	n, err := k.Bus.LaneHolds(ctx, l)
	if err != nil {
		return k.failed(ctx, l, err)
	}
	return verdict{more: n > 0}
}

func (k *Keeper) release(ctx context.Context, m *member, l event.OwnLane) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	if err := m.release(ctx, l); err != nil && m.valid() {
		k.Log.Warn().Err(err).Msg("own lane is kept for now")
	}
}

// failed says what went wrong, and has the lane rest before it is tried again.
func (k *Keeper) failed(ctx context.Context, l event.OwnLane, err error) verdict {
	if ctx.Err() == nil {
		k.Log.Warn().Err(err).Str("lane", l.Subject()).Msg("own lane cannot be served now; trying again")
	}
	return rest(retryFailed)
}
