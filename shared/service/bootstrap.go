package service

import (
	"context"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

// Bootstrap prepares a database and a NATS server for the stages: Migrate, then
// LayOut. It changes only what differs, so it may run at every start.
func Bootstrap(ctx context.Context, databaseURL, natsURL, roles string, layout bus.Layout) error {
	if err := Migrate(ctx, databaseURL, roles); err != nil {
		return err
	}
	return LayOut(ctx, databaseURL, natsURL, layout)
}

// Migrate makes the tables, or changes them to what this version needs. Where the
// stages have roles of their own, whose names begin with roles, it gives them their
// rights; roles is empty where there is one role for all.
func Migrate(ctx context.Context, databaseURL, roles string) error {
	db, err := store.Open(ctx, databaseURL, 2)
	if err != nil {
		return adviseDatabase(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	if roles == "" {
		return nil
	}
	return db.Grant(ctx, roles)
}

// LayOut makes the streams and consumers as they are laid out, and writes that into
// a database that Migrate has prepared.
func LayOut(ctx context.Context, databaseURL, natsURL string, layout bus.Layout) error {
	db, err := OpenStore(ctx, databaseURL, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	b, err := OpenBus(natsURL, "bootstrap")
	if err != nil {
		return err
	}
	defer b.Close()
	return layOut(ctx, db, b, layout)
}
