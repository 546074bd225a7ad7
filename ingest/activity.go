package ingest

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/service"
)

const (
	// countEvery is how often attempts are counted by the hour. Charts look at those
	// since then one by one.
	countEvery = 5 * time.Minute

	// countAfter is how long after it began an attempt is recorded at the latest, if
	// the database is there.
	countAfter = 3 * time.Minute
)

// countActivity counts attempts by the hour, at once and every few minutes until ctx
// ends. What an earlier version left uncounted is counted hour by hour, with as long a
// rest after each as it took.
func countActivity(ctx context.Context, env service.Env) error {
	for {
		began := time.Now()
		more, err := env.Store.CountActivity(ctx, began.Add(-countAfter))
		if err != nil && ctx.Err() == nil {
			env.Log.Warn().Err(err).Msg("attempts are not counted by the hour; trying again in some minutes")
		}
		rest := countEvery
		if more {
			rest = time.Since(began)
		}
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return nil
		}
	}
}
