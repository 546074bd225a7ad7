package ingest

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/token"
)

const (
	upkeepEvery = time.Hour

	// What was lost once is of interest for a while.
	reconciliationsKept = 90 * 24 * time.Hour
)

// upkeep makes the partitions of the coming days and forgets what was revoked for
// tokens that have ended, and where consumers were who have not come for as long as
// events are kept, at once and every hour until ctx ends. A failure is no reason to
// stop accepting: a week of partitions is made ahead.
func upkeep(ctx context.Context, env service.Env, retention time.Duration, m *metrics) error {
	ticker := time.NewTicker(upkeepEvery)
	defer ticker.Stop()
	for {
		if err := env.Store.MakePartitions(ctx); err != nil && ctx.Err() == nil {
			env.Log.Error().Err(err).Msg("partitions of the coming days are missing")
		}
		if end, err := env.Store.PartitionsEnd(ctx); err == nil { // else it is shown as it was
			m.days.Set(float64(end.Unix()))
		}
		if err := env.Store.DropRevocations(ctx, time.Now().Add(-token.MaxLife)); err != nil && ctx.Err() == nil {
			env.Log.Warn().Err(err).Msg("revocations of ended tokens stay; trying again in an hour")
		}
		if err := env.Store.DropConsumers(ctx, time.Now().Add(-retention)); err != nil && ctx.Err() == nil {
			env.Log.Warn().Err(err).Msg("positions of consumers that are gone stay; trying again in an hour")
		}
		if err := env.Store.DropReconciliations(ctx, time.Now().Add(-reconciliationsKept)); err != nil && ctx.Err() == nil {
			env.Log.Warn().Err(err).Msg("old reconciliations stay; trying again in an hour")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
