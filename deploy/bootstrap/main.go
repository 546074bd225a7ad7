// Command bootstrap prepares PostgreSQL and NATS for the stages: it migrates the
// schema and makes the streams. Run it once before the first start and at every
// upgrade; it changes only what differs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/service"
)

func main() {
	os.Exit(service.Exit("bootstrap", func(ctx context.Context) error {
		fs := flag.NewFlagSet("bootstrap", flag.ContinueOnError)
		database := fs.String("database-url", "", "PostgreSQL `URL`, such as postgres://user:password@host/postrider")
		nats := fs.String("nats-url", "nats://127.0.0.1:4222", "NATS `URL`s, joined by commas")
		roles := fs.String("database-roles", "", "`prefix` of the names of the stages' own PostgreSQL roles, which are given their rights; empty for one role for all")
		var layout bus.Layout
		layout.Flags(fs)
		if err := service.Parse(fs, os.Args[1:], os.LookupEnv); err != nil {
			return err
		}
		if *database == "" {
			return fmt.Errorf("database-url is not set: set %s", service.Variable("database-url"))
		}
		if err := layout.Validate(); err != nil {
			return err
		}
		return service.Bootstrap(ctx, *database, *nats, *roles, layout)
	}))
}
