package dlq

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

const (
	roomEvery   = 10 * time.Second
	roomTimeout = 5 * time.Second
)

// keepRoom keeps DLQ from filling up with what is recorded, and counts what was
// set aside there, until ctx ends. All dlq processes do.
func keepRoom(ctx context.Context, env service.Env, m *metrics) error {
	ticker := time.NewTicker(roomEvery)
	defer ticker.Stop()
	for {
		if env.Bus.Connected() == nil {
			lookAtRoom(ctx, env, m)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func lookAtRoom(ctx context.Context, env service.Env, m *metrics) {
	ctx, cancel := context.WithTimeout(ctx, roomTimeout)
	defer cancel()
	if err := env.Bus.TrimDLQ(ctx); err != nil && ctx.Err() == nil {
		env.Log.Warn().Err(err).Msg("DLQ keeps what is recorded; trying again")
	}
	poison, err := env.Bus.Subjects(ctx, event.StreamDLQ, event.SubjectsPoison)
	if err != nil {
		return // it is a number to look at; the next look will tell
	}
	var n uint64
	for _, count := range poison {
		n += count
	}
	m.poison.Set(float64(n))
}
