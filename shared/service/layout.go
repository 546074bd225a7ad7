package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

// layoutEvery is how often a process looks whether there are more shards. As long
// may those wait that another process has put into one of them.
const layoutEvery = 2 * time.Second

// Layout is how the bootstrap step has laid out the streams: as an old one did when
// nothing is known.
func Layout(ctx context.Context, db *store.Store) (bus.Layout, error) {
	layout := bus.Layout{Replicas: 1, Shards: 1}
	if err := db.Layout(ctx, &layout); err != nil && !errors.Is(err, store.ErrNotFound) {
		return layout, err
	}
	return layout, nil
}

// follow tells the bus of shards that are added, until ctx ends. While the database
// is away there are none.
func follow(ctx context.Context, db *store.Store, b *bus.Bus) {
	ticker := time.NewTicker(layoutEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if layout, err := Layout(ctx, db); err == nil {
				b.Divide(layout.Shards)
			}
		case <-ctx.Done():
			return
		}
	}
}

// layOut makes the streams and says so. Shards are there before anybody uses them.
func layOut(ctx context.Context, db *store.Store, b *bus.Bus, layout bus.Layout) error {
	before, err := Layout(ctx, db)
	if err != nil {
		return err
	}
	if layout.Shards < before.Shards {
		return fmt.Errorf("shards is %d: there are %d already, and they cannot become fewer", layout.Shards, before.Shards)
	}
	if err := b.Bootstrap(ctx, layout); err != nil {
		return err
	}
	return db.SaveLayout(ctx, layout)
}
