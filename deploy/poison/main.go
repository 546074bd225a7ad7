// Command poison shows the messages that no stage could handle and that were set
// aside on the stream DLQ, and puts them back once what was wrong is mended:
//
//	poison list
//	poison show 1234        # its bytes, as they are
//	poison back 1234 1240   # or all
//	poison drop 1234        # for good
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/service"
)

const usage = "say what to do: list, show <sequence>, back <sequence>… or all, drop <sequence>… or all"

func main() {
	os.Exit(service.Exit("poison", func(ctx context.Context) error {
		return run(ctx, os.Args[1:], os.LookupEnv, os.Stdout)
	}))
}

func run(ctx context.Context, args []string, lookup func(string) (string, bool), out io.Writer) error {
	fs := flag.NewFlagSet("poison", flag.ContinueOnError)
	fs.SetOutput(out)
	nats := fs.String("nats-url", "nats://127.0.0.1:4222", "NATS `URL`s, joined by commas")
	flags, words := apart(args)
	if err := service.Parse(fs, flags, lookup); err != nil {
		return err
	}
	if len(words) == 0 {
		return errors.New(usage)
	}
	b, err := service.OpenBus(*nats, "poison")
	if err != nil {
		return err
	}
	defer b.Close()
	switch words[0] {
	case "list":
		return list(ctx, b, out)
	case "show":
		return each(ctx, b, words[1:], func(p *bus.Poisoned) error {
			_, err := out.Write(p.Data)
			return err
		})
	case "back":
		return each(ctx, b, words[1:], func(p *bus.Poisoned) error {
			return say(out, "put back", p, b.PutBack(ctx, p))
		})
	default: // drop
		return each(ctx, b, words[1:], func(p *bus.Poisoned) error {
			return say(out, "dropped", p, b.DropPoison(ctx, p.Sequence))
		})
	}
}

// apart tells flags, which come first, from what to do.
func apart(args []string) (flags, words []string) {
	first := slices.IndexFunc(args, func(arg string) bool {
		return slices.Contains([]string{"list", "show", "back", "drop"}, arg)
	})
	if first < 0 {
		return args, nil
	}
	return args[:first], args[first:]
}

func list(ctx context.Context, b *bus.Bus, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SEQUENCE\tSET ASIDE\tSTAGE\tCONSUMER\tSUBJECT\tTRIES\tBYTES\tREASON")
	err := all(ctx, b, func(p *bus.Poisoned) error {
		_, err := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			p.Sequence, p.At.UTC().Format(time.RFC3339), p.Stage, p.Consumer, p.Subject, p.Tries, len(p.Data), p.Reason)
		return err
	})
	return errors.Join(err, table.Flush())
}

// each does something with those that are named, or with all.
func each(ctx context.Context, b *bus.Bus, names []string, do func(*bus.Poisoned) error) error {
	if len(names) == 1 && names[0] == "all" {
		return all(ctx, b, do)
	}
	if len(names) == 0 {
		return errors.New(usage)
	}
	for _, name := range names {
		sequence, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not the sequence of a message: %s", name, usage)
		}
		p, err := b.NextPoison(ctx, sequence)
		if err == nil && p.Sequence != sequence {
			err = bus.ErrNoPoison
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", sequence, err)
		}
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}

func all(ctx context.Context, b *bus.Bus, do func(*bus.Poisoned) error) error {
	for from := uint64(1); ; {
		p, err := b.NextPoison(ctx, from)
		if errors.Is(err, bus.ErrNoPoison) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(p); err != nil {
			return err
		}
		from = p.Sequence + 1
	}
}

func say(out io.Writer, what string, p *bus.Poisoned, err error) error {
	if err == nil {
		_, err = fmt.Fprintf(out, "%s %d: %s\n", what, p.Sequence, p.Subject)
	}
	return err
}
