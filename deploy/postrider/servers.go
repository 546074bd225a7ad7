package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// database is the setting of commands that need PostgreSQL.
type database struct{ url secret.URL }

func (d *database) flags(fs *flag.FlagSet) {
	fs.Var(&d.url, "database-url", "PostgreSQL `URL`, such as postgres://user:password@host/postrider")
}

func (d *database) validate() error {
	if d.url.IsZero() {
		return notSet("database-url")
	}
	return nil
}

// open connects to a database that bootstrap has prepared.
func (d *database) open(ctx context.Context, connections int) (*store.Store, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	return service.OpenStore(ctx, d.url.Reveal(), connections)
}

// broker is the setting of commands that need NATS.
type broker struct{ url secret.URL }

func (n *broker) flags(fs *flag.FlagSet) {
	n.url = secret.NewURL("nats://127.0.0.1:4222")
	fs.Var(&n.url, "nats-url", "NATS `URL`s, joined by commas")
}

// open connects as one of bus.Users.
func (n *broker) open(user string) (*bus.Bus, error) { return service.OpenBus(n.url.Reveal(), user) }

func notSet(flag string) error {
	return fmt.Errorf("%s is not set: set %s", flag, service.Variable(flag))
}
