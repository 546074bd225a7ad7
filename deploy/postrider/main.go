// Command postrider is for whoever runs an installation: everything but the five
// stages, which are programs of their own. Each of its commands is a file here, and
// is known by its line in postrider.
package main

import (
	"context"
	"os"

	"github.com/postrider/postrider/shared/service"
)

func main() {
	c, args := postrider().find(os.Args[1:])
	os.Exit(service.Exit(c.path, func(ctx context.Context) error {
		return c.do(ctx, args, os.Environ(), os.Stdout)
	}))
}

// postrider lists all commands. A new one is a function that returns it, in a file of
// its own, and a line here.
func postrider() *command {
	return &command{
		path:  "postrider",
		short: "all that an installation of Postrider needs beside its stages",
		groups: []group{
			{"Set up and upgrade", []*command{bootstrap(), migrate(), secrets()}},
			{"See whether all is well", []*command{health(), streams(), config()}},
			{"Let somebody in", []*command{makeToken(), rekey()}},
			{"Mend and look back", []*command{redrive(), reconcile(), poison(), readArchive()}},
			{"About this program", []*command{version()}},
		},
	}
}
