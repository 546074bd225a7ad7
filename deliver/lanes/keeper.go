package lanes

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	rejoinAfter = 250 * time.Millisecond
	stepEvery   = 250 * time.Millisecond // while lanes wait for their turn
)

// Why a lane must be left.
var (
	errTurnOver = errors.New("other lanes wait for their turn")
	errMoved    = errors.New("the lane is another worker's now")
	errStopped  = errors.New("the worker stops")
)

// Plan is what there is to do with a lane.
type Plan struct {
	// Until is when the lane may be worked on; until then it rests, has no consumer
	// and costs nothing. Zero is now. Keeper.Tell and its like end a rest.
	Until time.Time

	// Exact says that the order of the lane matters: what a worker that died had in
	// its hands comes again at once, in its place and as if for the first time.
	Exact bool

	// Serve works on the lane until it is idle, must rest, or ctx ends, which says
	// that it is to be left soon. Nothing of the lane may be started when it has
	// returned, or when the lane is not Held any more. life ends a moment after that,
	// for what must not even go on.
	Serve func(ctx, life context.Context, l *Lane) Left
}

// Left is how a lane was left.
type Left struct {
	// Until is when there is something to do for it again, whatever comes before;
	// zero for when something comes.
	Until time.Time

	// Unstarted is how many messages were given back that nobody has worked on,
	// not even before they came to this worker.
	Unstarted int
}

// Options of a keeper. Plan is asked when a lane's turn has come, from many
// goroutines, and may wait for a look-up.
type Options struct {
	Bus  *bus.Bus
	Log  zerolog.Logger
	Plan func(ctx context.Context, l event.OwnLane) (Plan, error)
}

// Keeper has the own lanes that are this worker's served, each by one goroutine
// at a time. It is safe for concurrent use.
type Keeper struct {
	Options

	kick      chan struct{} // a board has changed
	sweep     chan struct{} // lanes may have become ours
	visits    sync.WaitGroup
	handOvers atomic.Uint64

	mu      sync.Mutex
	shards  int
	boards  map[event.Shard]*board // each shard bears so many open lanes
	member  *member                // nil while this worker is not one of them
	workers []string
	stopped bool
}

// New returns a keeper that does nothing before Run.
func New(o Options) *Keeper {
	return &Keeper{
		Options: o, boards: make(map[event.Shard]*board), kick: make(chan struct{}, 1), sweep: make(chan struct{}, 1),
	}
}

// Run keeps lanes until ctx ends. Then every lane is left and handed over, and
// Run returns when all Serve have returned.
func (k *Keeper) Run(ctx context.Context) error {
	quiet, err := k.Bus.OnSignal(k.hear)
	if err != nil {
		return err
	}
	defer quiet()
	defer k.visits.Wait()
	said := ""
	for ctx.Err() == nil {
		k.divide(k.Bus.Shards())
		if err := k.live(ctx); err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			k.Log.Warn().Err(err).Msg("own lanes stand still; joining the workers again")
		}
		select {
		case <-time.After(rejoinAfter):
		case <-ctx.Done():
		}
	}
	return nil
}

// divide makes new boards if there are more shards than before: tenants have moved
// between them. Lanes are found again.
func (k *Keeper) divide(shards int) {
	if shards == k.shards {
		return
	}
	k.visits.Wait() // of the life before, which has ended
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shards, k.boards = shards, make(map[event.Shard]*board)
}

// board is that of the tenant's shard. The caller holds the lock.
func (k *Keeper) board(tenant event.ID) *board {
	s := event.ShardOf(tenant, k.shards)
	if k.boards[s] == nil {
		k.boards[s] = newBoard()
	}
	return k.boards[s]
}

// live joins the workers and keeps lanes until that life or ctx ends, or there are
// more shards.
func (k *Keeper) live(ctx context.Context) error {
	m, life, err := join(ctx, k.Bus, k.tableChanged)
	if err != nil {
		return err
	}
	defer m.leave(context.WithoutCancel(ctx))
	k.Log.Debug().Str("worker", m.id).Msg("joined the workers")
	k.setMember(m)
	defer k.setMember(nil)
	k.regroup()

	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	swept, stopSweeps := context.WithCancel(life)
	defer stopSweeps()
	sweeping.Go(func() { k.sweeps(swept, m) })
	divided := k.Bus.Divided(k.shards)
	for {
		timer := time.NewTimer(k.step(life, m))
		select {
		case <-k.kick:
		case <-timer.C:
		case <-life.Done():
			timer.Stop()
			return context.Cause(life)
		case <-ctx.Done():
			timer.Stop()
			k.stop(m) // and only then the life ends
			return nil
		case <-divided:
			timer.Stop()
			k.stop(m)
			return nil
		}
		timer.Stop()
	}
}

// step has the lanes begin whose turn it is, and those leave whose turn is over. It
// returns how long nothing changes by itself.
func (k *Keeper) step(life context.Context, m *member) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	pause := sweepEvery
	for _, b := range k.boards {
		pause = min(pause, k.stepOn(life, b, m))
	}
	return pause
}

func (k *Keeper) stepOn(life context.Context, b *board, m *member) time.Duration {
	now, share := time.Now(), max(bus.MaxLanes/max(len(k.workers), 1), 1)
	for e := b.next(now, share); e != nil; e = b.next(now, share) {
		ctx, leave := context.WithCancelCause(life)
		e.leave = leave
		k.visits.Go(func() {
			defer leave(nil)
			k.left(e, k.visit(ctx, life, m, e.lane))
		})
	}
	for _, e := range b.overstayed(now, share) {
		e.leave(errTurnOver)
	}
	switch alarm := b.alarm(); {
	case b.turns.len > 0:
		return stepEvery
	case alarm.IsZero():
		return sweepEvery
	default:
		return max(alarm.Sub(now), time.Millisecond)
	}
}

func (k *Keeper) left(e *entry, v verdict) {
	k.change(e.lane.Tenant, func(b *board) { b.left(e, v.more, v.until, v.blocked) })
}

// stop has every lane left, and returns when all are. Others have those that are
// left early without waiting for the last.
func (k *Keeper) stop(m *member) {
	m.retire()
	k.mu.Lock()
	k.stopped = true
	for _, b := range k.boards {
		for e := range b.served {
			e.leave(errStopped)
		}
	}
	k.mu.Unlock()
	k.visits.Wait()
}

// Tell says that something has changed for the lane, so that its rest may be over.
func (k *Keeper) Tell(l event.OwnLane) {
	k.change(l.Tenant, func(b *board) {
		if k.mine(l.Tenant) {
			b.tell(l)
		}
	})
}

// TellTenant says that something has changed for the tenant or any of its
// endpoints.
func (k *Keeper) TellTenant(tenant event.ID) {
	k.change(tenant, func(b *board) { b.tellTenant(tenant) })
}

// TellAll says that anything may have changed for any lane.
func (k *Keeper) TellAll() { k.changeAll((*board).tellAll) }

// Stats is what the keeper does now, and how often a lane went from one worker to
// another, seen by either.
type Stats struct {
	Open, Waiting int
	HandOvers     uint64
}

// Stats returns what the keeper does now.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Stats{HandOvers: k.handOvers.Load()}
	for _, b := range k.boards {
		s.Open += len(b.served)
		s.Waiting += b.turns.len
	}
	return s
}

// Open lists the lanes that this worker works on now.
func (k *Keeper) Open() (open []event.OwnLane) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, b := range k.boards {
		for e := range b.served {
			open = append(open, e.lane)
		}
	}
	return open
}

// hear says that the lane may have messages.
func (k *Keeper) hear(l event.OwnLane) {
	k.change(l.Tenant, func(b *board) {
		if k.mine(l.Tenant) {
			b.hear(l)
		}
	})
}

func (k *Keeper) change(tenant event.ID, what func(*board)) {
	k.mu.Lock()
	what(k.board(tenant))
	k.mu.Unlock()
	k.kicked()
}

func (k *Keeper) changeAll(what func(*board)) {
	k.mu.Lock()
	for _, b := range k.boards {
		what(b)
	}
	k.mu.Unlock()
	k.kicked()
}

func (k *Keeper) kicked() {
	select {
	case k.kick <- struct{}{}:
	default: // it will look anyway
	}
}

// mine reports whether the tenant's lanes belong to this worker. The caller holds
// the lock.
func (k *Keeper) mine(tenant event.ID) bool {
	return k.member != nil && !k.stopped && ownerOf(tenant, k.workers) == k.member.id
}

func (k *Keeper) setMember(m *member) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.member, k.workers, k.stopped = m, nil, false
}

// tableChanged is told of what the table says of workers and of locks.
func (k *Keeper) tableChanged(workers bool, l event.OwnLane) {
	if workers {
		k.regroup()
		return
	}
	k.change(l.Tenant, func(b *board) { b.unblock(l) })
}

// regroup takes note of the workers that there are now.
func (k *Keeper) regroup() {
	k.mu.Lock()
	m := k.member
	if m == nil { // not joined yet
		k.mu.Unlock()
		return
	}
	k.workers = m.live()
	for _, b := range k.boards {
		for _, e := range b.disown(k.mine) {
			if e.leave != nil {
				e.leave(errMoved)
			}
		}
	}
	for _, l := range m.orphans() {
		if k.mine(l.Tenant) {
			k.board(l.Tenant).hear(l)
			k.board(l.Tenant).unblock(l)
		}
	}
	k.mu.Unlock()
	k.kicked()
	select {
	case k.sweep <- struct{}{}:
	default:
	}
}
