// Command archive reads what ingest has put into an archive before it dropped it:
//
//	archive list                   # the days that are there, with how much of what
//	archive verify -day 2026-11-21 # read a day, or all, and compare with what was written
//	archive cat -message msg_…     # a message with its attempts and dead letters
//
// The archive is the one that ingest writes to: POSTRIDER_ARCHIVE.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

var errUsage = errors.New("say what to do: archive list, archive verify or archive cat (each has -h)")

func main() {
	os.Exit(service.Exit("archive", func(ctx context.Context) error {
		return run(ctx, os.Args[1:], os.LookupEnv, os.Stdout)
	}))
}

// command is one thing to do, with its settings.
type command struct {
	out     io.Writer
	place   archive.Place
	address string
	day     string
	message string
	app     string
}

func run(ctx context.Context, args []string, lookup func(string) (string, bool), out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	c := command{out: out}
	fs := flag.NewFlagSet("archive "+args[0], flag.ContinueOnError)
	fs.StringVar(&c.address, "archive", "", "`address` of the archive: file:///folder or s3://bucket/prefix")
	var work func(context.Context) error
	switch args[0] {
	case "list":
		work = c.list
	case "verify":
		work = c.verify
		fs.StringVar(&c.day, "day", "", "`day` to verify, such as 2026-11-21; empty for all")
	case "cat":
		work = c.cat
		fs.StringVar(&c.message, "message", "", "`id` of the message to show")
		fs.StringVar(&c.app, "app", "", "`id` of its application, which makes it quicker to find")
	default:
		return errUsage
	}
	if err := service.Parse(fs, args[1:], lookup); err != nil {
		return err
	}
	if c.address == "" {
		return fmt.Errorf("archive is not set: set %s", service.Variable("archive"))
	}
	var err error
	if c.place, err = archive.Open(c.address, lookup); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer c.place.Close()
	return work(ctx)
}

// list prints a line for each day.
func (c *command) list(ctx context.Context) error {
	for m, err := range archive.Days(ctx, c.place, "") {
		if err != nil {
			return err
		}
		c.print(m, "")
	}
	return nil
}

// verify reads everything, and goes on to the next day after one that is damaged.
func (c *command) verify(ctx context.Context) error {
	if c.day != "" {
		m, err := archive.Day(ctx, c.place, c.day)
		if err != nil {
			return err
		}
		return c.verifyDay(ctx, m)
	}
	var faults []error
	for m, err := range archive.Days(ctx, c.place, "") {
		if err != nil {
			return errors.Join(append(faults, err)...)
		}
		if err := c.verifyDay(ctx, m); errors.Is(err, archive.ErrDamaged) {
			faults = append(faults, err)
		} else if err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

func (c *command) verifyDay(ctx context.Context, m *archive.Manifest) error {
	if err := archive.Verify(ctx, c.place, m); err != nil {
		return err
	}
	c.print(m, ", verified")
	return nil
}

func (c *command) print(m *archive.Manifest, more string) {
	var size int64
	for _, p := range m.Parts {
		size += p.Bytes
	}
	_, _ = fmt.Fprintf(c.out, "%s  %d events, %d attempts, %d dead letters, %d bytes in %d objects%s\n",
		m.Day, m.Events, m.Attempts, m.DeadLetters, size, len(m.Parts), more)
}

// cat prints the message, then its attempts and dead letters, a line of JSON each.
func (c *command) cat(ctx context.Context) error {
	message, err := event.Message.Parse(c.message)
	if err != nil {
		return fmt.Errorf("message is %q: must be an id such as msg_0ERVoDpm0hlxbSZ5DnpZAA0aAOo", c.message)
	}
	var app event.ID
	if c.app != "" {
		if app, err = event.Tenant.Parse(c.app); err != nil {
			return fmt.Errorf("app is %q: must be an id such as app_0ERVoDPhaBiYYE5EzmGxtMEcYuz", c.app)
		}
	}
	found, err := archive.Find(ctx, c.place, app, message)
	if errors.Is(err, archive.ErrNotFound) {
		return fmt.Errorf("%s of %s: %w", c.message, message.Time().Format(time.DateOnly), archive.ErrNotFound)
	}
	if err != nil {
		return err
	}
	lines := json.NewEncoder(c.out)
	lines.SetEscapeHTML(false)
	failed := lines.Encode(found.Event)
	for i := range found.Attempts {
		failed = errors.Join(failed, lines.Encode(&found.Attempts[i]))
	}
	for i := range found.DeadLetters {
		failed = errors.Join(failed, lines.Encode(&found.DeadLetters[i]))
	}
	if failed != nil {
		return fmt.Errorf("print message: %w", failed)
	}
	return nil
}
