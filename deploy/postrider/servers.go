package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// database is the setting of commands that need PostgreSQL.
type database struct{ url string }

func (d *database) flags(fs *flag.FlagSet) {
	fs.StringVar(&d.url, "database-url", "", "PostgreSQL `URL`, such as postgres://user:password@host/postrider")
}

func (d *database) validate() error {
	if d.url == "" {
		return notSet("database-url")
	}
	return nil
}

// open connects to a database that bootstrap has prepared.
func (d *database) open(ctx context.Context, connections int) (*store.Store, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	return service.OpenStore(ctx, d.url, connections)
}

// broker is the setting of commands that need NATS.
type broker struct{ url string }

func (n *broker) flags(fs *flag.FlagSet) {
	fs.StringVar(&n.url, "nats-url", "nats://127.0.0.1:4222", "NATS `URL`s, joined by commas")
}

// open connects as one of bus.Users.
func (n *broker) open(user string) (*bus.Bus, error) { return service.OpenBus(n.url, user) }

func notSet(flag string) error {
	return fmt.Errorf("%s is not set: set %s", flag, service.Variable(flag))
}
