package service

import (
	"context"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

// Bootstrap prepares a database and a NATS server for the stages: it migrates
// the schema and makes the streams and consumers as they are laid out. It changes
// only what differs, so it may run at every start.
func Bootstrap(ctx context.Context, databaseURL, natsURL string, layout bus.Layout) error {
	db, err := store.Open(ctx, databaseURL, 2)
	if err != nil {
		return adviseDatabase(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	b, err := OpenBus(natsURL, "bootstrap")
	if err != nil {
		return err
	}
	defer b.Close()
	return layOut(ctx, db, b, layout)
}
