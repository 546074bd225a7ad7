package main

import (
	"context"
	"fmt"
	"io"

	"github.com/postrider/postrider/shared/service"
)

func version() *command {
	return &command{
		name:  "version",
		short: "say what this program was built from",
		run:   func(_ context.Context, c *call) error { return printVersion(c.out) },
	}
}

func printVersion(out io.Writer) error {
	_, err := fmt.Fprintln(out, service.About("postrider"))
	return err
}
