package ingest

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/service"
)

const (
	// From the moment that a payload expires it is neither shown nor delivered;
	// this is how much later it may be removed.
	expungeEvery = time.Minute

	// rows of one statement: short enough to be in nobody's way.
	expungePart = 500
)

// expunge removes the payloads that were to be kept for less than their events,
// until ctx ends. All ingest processes do; none takes what another is at.
func expunge(ctx context.Context, env service.Env) error {
	ticker := time.NewTicker(expungeEvery)
	defer ticker.Stop()
	for {
		for {
			n, err := env.Store.ExpungeDue(ctx, expungePart)
			if err != nil && ctx.Err() == nil {
				env.Log.Warn().Err(err).Msg("payloads that have expired stay; trying again in a minute")
			}
			if n < expungePart {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
