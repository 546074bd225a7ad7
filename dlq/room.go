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

// keepRoom keeps DLQ from filling up with what is recorded, and shows what was set
// aside there, how full the streams are and how many dead letters there are, until ctx
// ends. All dlq processes do.
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
	// These are numbers to look at: what cannot be seen now, the next look will tell.
	if streams, err := env.Bus.Streams(ctx); err == nil {
		m.streams.show(streams)
	}
	if letters, err := env.Store.EstimateDeadLetters(ctx); err == nil {
		m.letters.Set(float64(letters))
	}
	if poison, err := env.Bus.Subjects(ctx, event.StreamDLQ, event.SubjectsPoison); err == nil {
		var n uint64
		for _, count := range poison {
			n += count
		}
		m.poison.Set(float64(n))
	}
}
