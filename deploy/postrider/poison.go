package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/postrider/postrider/shared/bus"
)

// poison is about messages that no stage could handle.
func poison() *command {
	return &command{
		name:  "poison",
		short: "messages that no stage could handle: list, show, put back, drop",
		long: `What cannot be read, or what a handler dies of, is tried five times and then set aside
on the stream DLQ. Once what was wrong is mended, it can be put back:

  postrider poison list
  postrider poison back 1234 1240`,
		groups: []group{{"", []*command{
			overPoison("list", "", "list them, with who could not handle them and why", listPoison),
			overPoison("show", "<sequence>…|all", "print their bytes, as they are", func(ctx context.Context, b *bus.Bus, c *call) error {
				return eachPoison(ctx, b, c.words, func(p *bus.Poisoned) error {
					_, err := c.out.Write(p.Data)
					return err
				})
			}),
			overPoison("back", "<sequence>…|all", "put them back where they came from", func(ctx context.Context, b *bus.Bus, c *call) error {
				return eachPoison(ctx, b, c.words, func(p *bus.Poisoned) error {
					return say(c.out, "put back", p, b.PutBack(ctx, p))
				})
			}),
			overPoison("drop", "<sequence>…|all", "throw them away, for good", func(ctx context.Context, b *bus.Bus, c *call) error {
				return eachPoison(ctx, b, c.words, func(p *bus.Poisoned) error {
					return say(c.out, "dropped", p, b.DropPoison(ctx, p.Sequence))
				})
			}),
		}}},
	}
}

// overPoison is a command with a connection to NATS.
func overPoison(name, words, short string, do func(context.Context, *bus.Bus, *call) error) *command {
	var n broker
	return &command{
		name: name, words: words, short: short, flags: n.flags,
		run: func(ctx context.Context, c *call) error {
			b, err := n.open("poison")
			if err != nil {
				return err
			}
			defer b.Close()
			return do(ctx, b, c)
		},
	}
}

func listPoison(ctx context.Context, b *bus.Bus, c *call) error {
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SEQUENCE\tSET ASIDE\tSTAGE\tCONSUMER\tSUBJECT\tTRIES\tBYTES\tREASON")
	err := allPoison(ctx, b, func(p *bus.Poisoned) error {
		_, err := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			p.Sequence, p.At.UTC().Format(time.RFC3339), p.Stage, p.Consumer, p.Subject, p.Tries, len(p.Data), p.Reason)
		return err
	})
	return errors.Join(err, table.Flush())
}

// eachPoison does something with those that are named, or with all.
func eachPoison(ctx context.Context, b *bus.Bus, names []string, do func(*bus.Poisoned) error) error {
	if len(names) == 1 && names[0] == "all" {
		return allPoison(ctx, b, do)
	}
	if len(names) == 0 {
		return wrongUse(errors.New("say which: the sequences of messages, or all"))
	}
	for _, name := range names {
		sequence, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return wrongUse(fmt.Errorf("%q is not the sequence of a message, nor all", name))
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

func allPoison(ctx context.Context, b *bus.Bus, do func(*bus.Poisoned) error) error {
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
