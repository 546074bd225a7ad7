package deliver

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

const (
	// movesGroup bounds the deliveries that are moved together.
	movesGroup = 500

	// retryMove is when a delivery is looked at again that could not be moved. So
	// long it keeps its place among those that its lane has handed out, of which
	// there may be 4,096.
	retryMove = 20 * time.Second

	// moveGlance is how often it is asked, while too many are on their way, whether
	// OVERFLOW takes them at all.
	moveGlance = 250 * time.Millisecond
)

// move is a job on its way to the lane that its delivery belongs in.
type move struct {
	job *job
	to  event.OwnLane
}

// move sends a job to another lane. It needs no slot, so it goes on when all are
// taken. It waits while too many of the same lane are on their way. While OVERFLOW
// is full the delivery stays where it is, so that it does not hold up its neighbours.
func (w *worker) move(ctx context.Context, j *job, to event.OwnLane) {
	for !w.bus.Refuses(event.StreamOverflow, j.Tenant) {
		switch err := j.source.mayMove(ctx); {
		case err == nil:
			j.begin()
			w.moves <- &move{j, to}
			return
		case ctx.Err() != nil:
			j.giveBack(0, false)
			return
		}
	}
	j.giveBack(retryMove, false)
}

// mayMove waits until one more may be on its way, and no longer than a glance.
func (s *source) mayMove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, moveGlance)
	defer cancel()
	return s.moves.Acquire(ctx, 1)
}

// message is the delivery on its way. A repeated move may come after the stream has
// forgotten the first.
func (m *move) message() (bus.Message, error) {
	d := *m.job.delivery
	data := m.job.msg.Data
	if m.job.msg.Again() && !d.Recheck {
		d.Recheck = true
		var err error
		if data, err = d.Encode(); err != nil {
			return bus.Message{}, err
		}
	}
	return bus.Message{Subject: m.to.Subject(), Tenant: d.Tenant, ID: m.to.MessageID(&d), Data: data}, nil
}

// move moves a group: to the lane, then acknowledge. In between a crash can only
// repeat the first. What cannot be moved until ctx ends is given back.
func (f *finisher) move(ctx context.Context, moves []*move) {
	messages := make([]bus.Message, 0, len(moves))
	going := make([]*move, 0, len(moves))
	for _, m := range moves {
		message, err := m.message()
		if err != nil {
			m.job.reject(err)
			m.job.source.moves.Release(1)
			continue
		}
		messages, going = append(messages, message), append(going, m)
	}
	err := f.insist(ctx, messages)
	signalled := make(map[event.OwnLane]bool)
	for _, m := range going {
		switch {
		case err != nil:
			m.job.giveBack(0, true)
		default:
			if !signalled[m.to] {
				signalled[m.to] = true
				f.bus.Signal(m.to)
			}
			m.job.ack()
		}
		m.job.source.moves.Release(1)
	}
	if err != nil {
		f.metrics.returned.Add(float64(len(going)))
		f.log.Warn().Err(err).Int("deliveries", len(going)).Msg("deliveries could not be moved to their lanes; they come again")
		return
	}
	f.metrics.moved.Add(float64(len(going)))
}
