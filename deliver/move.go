package deliver

import (
	"context"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// movesGroup bounds the deliveries that are moved together.
const movesGroup = 500

// move is a job on its way to the lane that its delivery belongs in.
type move struct {
	job *job
	to  event.OwnLane
}

// move sends a job to another lane. It needs no slot, so it goes on when all are
// taken. It waits while too many of the same lane are on their way.
func (w *worker) move(ctx context.Context, j *job, to event.OwnLane) {
	j.begin()
	if j.source.moves.Acquire(ctx, 1) != nil {
		j.giveBack(0, false)
		return
	}
	w.moves <- &move{j, to}
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
	err := persist(ctx, f, moves, f.publishMoves)
	signalled := make(map[event.OwnLane]bool)
	for _, m := range moves {
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
		f.metrics.returned.Add(float64(len(moves)))
		f.log.Warn().Err(err).Int("deliveries", len(moves)).Msg("deliveries could not be moved to their lanes; they come again")
		return
	}
	f.metrics.moved.Add(float64(len(moves)))
}

func (f *finisher) publishMoves(ctx context.Context, moves []*move) error {
	messages := make([]bus.Message, len(moves))
	for i, m := range moves {
		var err error
		if messages[i], err = m.message(); err != nil {
			return err
		}
	}
	return f.bus.Publish(ctx, messages...)
}
