package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
)

const (
	// ownBatch is the most that is fetched from an own lane at a time.
	ownBatch = 32

	// A paused lane is looked at when its tenant changes; and now and then, since
	// it costs nothing.
	pausedRest = 5 * time.Minute

	// A lane whose endpoint rests for less stays open.
	shortRest = time.Second

	// glance is how long at most a lane is served without a look at what the
	// directory says; and longGlance while nothing more of it can start, as during a
	// probe, which may take as long as an attempt may.
	glance     = 250 * time.Millisecond
	longGlance = time.Second
)

// plan says what there is to do with an own lane. It is asked before the lane is
// opened.
func (w *worker) plan(ctx context.Context, l event.OwnLane) (lanes.Plan, error) {
	now, err := w.look(ctx, l)
	p := lanes.Plan{Until: now.until, Serve: w.serveOwn}
	if now.ordered {
		p.Exact, p.Serve = true, w.serveOrdered
	}
	return p, err
}

// look is what can be done for a lane at the moment.
type look struct {
	ordered bool
	until   time.Time // it must rest; zero: it need not
	room    fair.Room
}

// look asks the directory and the scheduler. What is gone, or disabled, is no
// obstacle: its deliveries are to be met and thrown away.
func (w *worker) look(ctx context.Context, l event.OwnLane) (now look, err error) {
	target := fair.Target{Tenant: l.Tenant, Endpoint: l.Endpoint}
	tenant, err := w.directory.Tenant(ctx, l.Tenant, 0)
	if err != nil && !errors.Is(err, directory.ErrUnknown) {
		return now, err
	}
	if err == nil {
		target.Weight, target.TenantRate = tenant.Weight, tenant.ThrottleRate
		if e, ok := tenant.Endpoint(l.Endpoint); ok && !e.Disabled {
			target, now.ordered = targetOf(e), e.Ordered
			if e.Paused {
				now.until = time.Now().Add(pausedRest)
				return now, nil
			}
		}
	}
	now.room = w.scheduler.Room(&target)
	if now.room.N == 0 && time.Until(now.room.At) > shortRest {
		now.until = now.room.At
	}
	return now, nil
}

// serveOwn works on an own lane until it is idle, has to rest, or ctx ends.
func (w *worker) serveOwn(ctx, _ context.Context, l *lanes.Lane) lanes.Left {
	puller, err := w.bus.Pull(l.Consumer, ownBatch)
	if err != nil { // without a connection, and so without a lease
		return lanes.Left{Until: time.Now().Add(shortRest)}
	}
	s := newSource(l.Kind(), l)
	until := w.pullOwn(ctx, s, puller)
	rest := context.WithoutCancel(ctx)
	for _, m := range puller.Drain() {
		w.take(rest, s, m)
	}
	s.hand.settle(rest, !l.HandedOver(ctx))
	return lanes.Left{Until: until, Unstarted: s.hand.unstarted()}
}

// pullOwn fetches no more than can be started soon, so that what waits, waits in
// its lane. It returns until when the lane has to rest, zero if it has not.
func (w *worker) pullOwn(ctx context.Context, s *source, puller *bus.Puller) (until time.Time) {
	last := time.Now()
	var yields yielding
	for ctx.Err() == nil && s.held() {
		now, err := w.look(ctx, s.lane.OwnLane)
		if err != nil {
			return time.Now().Add(retryLookup)
		}
		if !now.until.IsZero() || now.ordered {
			return now.until
		}
		room := now.room
		if room.N == 0 && !puller.Open() {
			await(ctx, room)
			continue
		}
		puller.Rest(noMoreBefore(room))
		next, cancel := context.WithTimeout(ctx, glance)
		messages, _ := puller.Next(next, min(max(room.N, 1), ownBatch))
		cancel()
		for _, m := range messages {
			w.take(ctx, s, m)
		}
		yields.after(ctx, len(messages))
		switch {
		case len(messages) > 0 || !s.hand.idle():
			last = time.Now()
		case time.Since(last) >= s.lane.Patience():
			return time.Time{}
		}
	}
	return time.Time{}
}

// noMoreBefore keeps a puller that still has something to come from asking for more
// while there is no room.
func noMoreBefore(r fair.Room) time.Time {
	if r.N > 0 {
		return time.Time{}
	}
	return time.Now().Add(glance)
}

// await waits until there may be room again, and no longer than a long glance.
func await(ctx context.Context, r fair.Room) {
	timer := time.NewTimer(longGlance)
	defer timer.Stop()
	if at := time.Until(r.At); !r.At.IsZero() && at < longGlance {
		timer.Reset(max(at, time.Millisecond))
	}
	select {
	case <-r.Changed:
	case <-timer.C:
	case <-ctx.Done():
	}
}
