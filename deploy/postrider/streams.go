package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/service"
)

// streams looks into what is on its way.
func streams() *command {
	return &command{
		name:  "streams",
		short: "what is on its way: list, show, backlog of a tenant, peek, ensure",
		long: `All but ensure only look, and take nothing away: they come to NATS as the user
operator, where there are users, and need no database. deploy/STREAMS.md says what
is where, and what to do about it.`,
		groups: []group{{"", []*command{
			look("list", "", "list all streams: messages, bytes, limits, age of the oldest", "", nil, listStreams),
			showStream(),
			showBacklog(),
			peek(),
			ensureStreams(),
		}}},
	}
}

// look is a command that sees what there is and changes nothing.
func look(name, words, short, long string, flags func(*flag.FlagSet), do func(context.Context, *viewer, *call) error) *command {
	var n broker
	return &command{
		name: name, words: words, short: short, long: long,
		flags: func(fs *flag.FlagSet) {
			n.flags(fs)
			if flags != nil {
				flags(fs)
			}
		},
		run: func(ctx context.Context, c *call) error {
			if words == "" && len(c.words) > 0 || words != "" && len(c.words) != 1 {
				return wrongUse(fmt.Errorf("say which %s, and one", words))
			}
			b, err := n.open(bus.Operator)
			if err != nil {
				return err
			}
			defer b.Close()
			states, err := b.Discover(ctx)
			if err != nil {
				return err
			}
			return do(ctx, &viewer{Bus: b, states: states, now: time.Now()}, c)
		},
	}
}

// viewer is what looks.
type viewer struct {
	*bus.Bus

	states map[string]bus.StreamState
	now    time.Time
}

// sorted lists the streams of some names, or all, those of a kind by their shards.
func (v *viewer) sorted(kinds ...string) []bus.StreamState {
	return slices.DeleteFunc(bus.InOrder(v.states), func(s bus.StreamState) bool {
		return len(kinds) > 0 && !slices.Contains(kinds, bus.Stem(s.Name)) && !slices.Contains(kinds, s.Name)
	})
}

// named are the streams that somebody means by a name: one, or of a divided stream
// all of its shards.
func (v *viewer) named(name string) ([]bus.StreamState, error) {
	if s, ok := v.states[name]; ok && s.Name != bus.Stem(name) {
		return []bus.StreamState{s}, nil
	}
	if found := v.sorted(name); len(found) > 0 {
		return found, nil
	}
	names := slices.Sorted(maps.Keys(v.states))
	if len(names) == 0 {
		return nil, bus.ErrNotBootstrapped
	}
	if near := nearest(strings.ToUpper(name), names); near != "" {
		return nil, wrongUse(fmt.Errorf("no stream %q: did you mean %s?", name, near))
	}
	return nil, wrongUse(fmt.Errorf("no stream %q: there are %s", name, strings.Join(names, ", ")))
}

func listStreams(_ context.Context, v *viewer, c *call) error {
	if len(v.states) == 0 {
		return bus.ErrNotBootstrapped
	}
	t := newTable(c.out, "STREAM", "MESSAGES", "BYTES", "LIMIT", "USED", "OLDEST", "CONSUMERS", "WHAT")
	for _, s := range v.sorted() {
		limit, used := "none", "-"
		if s.MaxBytes > 0 {
			limit = size(uint64(s.MaxBytes))
			used = fmt.Sprintf("%d %%", s.Bytes*100/uint64(s.MaxBytes))
		}
		t.row(s.Name, s.Messages, size(s.Bytes), limit, used, age(v.now, s.Oldest), s.Consumers, s.Description)
	}
	return t.flush()
}

// showStream shows one stream: its consumers, and whose its messages are.
func showStream() *command {
	top := 10
	return look("show", "STREAM", "show its consumers, what waits and is in flight, and whose it is",
		`Of a stream in several shards it shows all, or one by its own name:

  postrider streams show DELIVER
  postrider streams show RETRY_1`,
		func(fs *flag.FlagSet) {
			fs.IntVar(&top, "top", top, "how many `subjects` to show, those with the most messages")
		},
		func(ctx context.Context, v *viewer, c *call) error {
			found, err := v.named(c.words[0])
			if err != nil {
				return err
			}
			for _, s := range found {
				if err := v.show(ctx, c, s, top); err != nil {
					return err
				}
			}
			return nil
		})
}

func (v *viewer) show(ctx context.Context, c *call, s bus.StreamState, top int) error {
	_, _ = fmt.Fprintf(c.out, "%s: %s\n%d messages, %s, the oldest for %s\n\n", s.Name, s.Description, s.Messages, size(s.Bytes), age(v.now, s.Oldest))
	consumers, err := v.Consumers(ctx, s.Name)
	if err != nil {
		return err
	}
	if len(consumers) > 0 {
		t := newTable(c.out, "CONSUMER", "WAITING", "IN FLIGHT", "OF THEM AGAIN", "REQUESTS", "PAUSED FOR", "SUBJECTS")
		for _, one := range consumers {
			paused := "-"
			if one.Paused > 0 {
				paused = one.Paused.Round(time.Second).String()
			}
			t.row(one.Name, one.Waiting, one.InFlight, one.Redelivered, one.Pulls, paused, one.Filter)
		}
		if err := t.flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(c.out)
	}
	subjects, err := v.SubjectsIn(ctx, s.Name, ">")
	if err != nil {
		return err
	}
	return v.showSubjects(c, subjects, top)
}

// showSubjects tells how many messages there are by subject, the most first.
func (v *viewer) showSubjects(c *call, subjects map[string]uint64, top int) error {
	if len(subjects) == 0 {
		return nil
	}
	t := newTable(c.out, "MESSAGES", "SUBJECT")
	for _, subject := range mostFirst(subjects, top) {
		t.row(subjects[subject], subject)
	}
	if more := len(subjects) - top; more > 0 {
		t.row("", fmt.Sprintf("and %d more (-top)", more))
	}
	return errors.Join(t.flush(), blank(c.out))
}

// ensureStreams is the part of bootstrap that is about NATS.
func ensureStreams() *command {
	var d database
	var n broker
	var layout bus.Layout
	return &command{
		name:  "ensure",
		short: "make the streams that are missing, and change what differs",
		long: `It is the part of bootstrap that is about NATS, with its settings. The database, which
migrate has prepared, is told how the streams are laid out.`,
		flags: func(fs *flag.FlagSet) {
			d.flags(fs)
			n.flags(fs)
			layout.Flags(fs)
		},
		run: func(ctx context.Context, _ *call) error {
			if err := errors.Join(d.validate(), layout.Validate()); err != nil {
				return err
			}
			return service.LayOut(ctx, d.url.Reveal(), n.url.Reveal(), layout)
		},
	}
}
