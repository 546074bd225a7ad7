package service

import (
	"context"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

// Bootstrap prepares a database and a NATS server for the stages: it migrates
// the schema and makes the streams and consumers as they are laid out. It changes
// only what differs, so it may run at every start. Where the stages have roles of
// their own, whose names begin with roles, it gives them their rights; roles is empty
// where there is one role for all.
func Bootstrap(ctx context.Context, databaseURL, natsURL, roles string, layout bus.Layout) error {
	db, err := store.Open(ctx, databaseURL, 2)
	if err != nil {
		return adviseDatabase(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	if roles != "" {
		if err := db.Grant(ctx, roles); err != nil {
			return err
		}
	}
	b, err := OpenBus(natsURL, "bootstrap")
	if err != nil {
		return err
	}
	defer b.Close()
	return layOut(ctx, db, b, layout)
}
