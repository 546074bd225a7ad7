// Command local is all of Postrider in one process, for a laptop: the five
// stages, a nats-server inside the process and a PostgreSQL server beside it.
package main

import (
	"context"
	"os"

	"github.com/postrider/postrider/shared/service"
)

func main() {
	os.Exit(service.Exit("postrider", func(ctx context.Context) error {
		return run(ctx, os.Args[1:], os.LookupEnv, os.Stdout)
	}))
}
