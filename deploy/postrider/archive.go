package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/event"
)

// archived is an archive and what somebody wants to know of it.
type archived struct {
	address string
	day     string
	message string
	app     string

	place archive.Place
	out   io.Writer
}

// readArchive reads what ingest has put into an archive before it dropped it.
func readArchive() *command {
	var a archived
	return &command{
		name:  "archive",
		short: "days that were put into an archive: list, verify, and show a message",
		long: `The archive is the one that ingest writes to, POSTRIDER_ARCHIVE. Nothing here changes
it.`,
		groups: []group{{"", []*command{
			a.command("list", "list the days that are there, with how much of what", a.list, nil),
			a.command("verify", "read a day, or all, and compare with what was written", a.verify, func(fs *flag.FlagSet) {
				fs.StringVar(&a.day, "day", "", "`day` to verify, such as 2026-11-21; empty for all")
			}),
			a.command("cat", "show a message with its attempts and dead letters", a.cat, func(fs *flag.FlagSet) {
				fs.StringVar(&a.message, "message", "", "`id` of the message to show")
				fs.StringVar(&a.app, "app", "", "`id` of its application, which makes it quicker to find")
			}),
		}}},
	}
}

// command is one that reads the archive.
func (a *archived) command(name, short string, do func(context.Context) error, more func(*flag.FlagSet)) *command {
	return &command{
		name: name, short: short,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&a.address, "archive", "", "`address` of the archive: file:///folder or s3://bucket/prefix")
			if more != nil {
				more(fs)
			}
		},
		run: func(ctx context.Context, c *call) (err error) {
			if a.address == "" {
				return notSet("archive")
			}
			if a.place, err = archive.Open(a.address, c.lookup); err != nil {
				return fmt.Errorf("archive: %w", err)
			}
			defer a.place.Close()
			a.out = c.out
			return do(ctx)
		},
	}
}

// list prints a line for each day.
func (a *archived) list(ctx context.Context) error {
	for m, err := range archive.Days(ctx, a.place, "") {
		if err != nil {
			return err
		}
		a.print(m, "")
	}
	return nil
}

// verify reads everything, and goes on to the next day after one that is damaged.
func (a *archived) verify(ctx context.Context) error {
	if a.day != "" {
		m, err := archive.Day(ctx, a.place, a.day)
		if err != nil {
			return err
		}
		return a.verifyDay(ctx, m)
	}
	var faults []error
	for m, err := range archive.Days(ctx, a.place, "") {
		if err != nil {
			return errors.Join(append(faults, err)...)
		}
		if err := a.verifyDay(ctx, m); errors.Is(err, archive.ErrDamaged) {
			faults = append(faults, err)
		} else if err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

func (a *archived) verifyDay(ctx context.Context, m *archive.Manifest) error {
	if err := archive.Verify(ctx, a.place, m); err != nil {
		return err
	}
	a.print(m, ", verified")
	return nil
}

func (a *archived) print(m *archive.Manifest, more string) {
	var size int64
	for _, p := range m.Parts {
		size += p.Bytes
	}
	_, _ = fmt.Fprintf(a.out, "%s  %d events, %d attempts, %d dead letters, %d bytes in %d objects%s\n",
		m.Day, m.Events, m.Attempts, m.DeadLetters, size, len(m.Parts), more)
}

// cat prints the message, then its attempts and dead letters, a line of JSON each.
func (a *archived) cat(ctx context.Context) error {
	message, err := event.Message.Parse(a.message)
	if err != nil {
		return fmt.Errorf("message is %q: must be an id such as msg_0ERVoDpm0hlxbSZ5DnpZAA0aAOo", a.message)
	}
	var app event.ID
	if a.app != "" {
		if app, err = event.Tenant.Parse(a.app); err != nil {
			return fmt.Errorf("app is %q: must be an id such as app_0ERVoDPhaBiYYE5EzmGxtMEcYuz", a.app)
		}
	}
	found, err := archive.Find(ctx, a.place, app, message)
	if errors.Is(err, archive.ErrNotFound) {
		return fmt.Errorf("%s of %s: %w", a.message, message.Time().Format(time.DateOnly), archive.ErrNotFound)
	}
	if err != nil {
		return err
	}
	lines := json.NewEncoder(a.out)
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
