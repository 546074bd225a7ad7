package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postrider/postrider/shared/service"
)

// command is one thing that postrider does, or a family of such things.
type command struct {
	name  string
	words string // what it takes beside flags, as its usage says; empty: nothing
	short string // one line, for the list of commands
	long  string // all there is to know, for -h

	flags func(*flag.FlagSet) // registers its settings; nil: it has none
	run   func(context.Context, *call) error

	groups []group // of a family, which itself runs nothing

	path string // what was typed to get here, such as "postrider poison list"
}

// group is some commands of a family that belong together.
type group struct {
	title    string // empty where there is only one group
	commands []*command
}

// call is what a command is run with, its flags apart.
type call struct {
	words   []string
	environ []string // as NAME=value
	out     io.Writer
}

// lookup returns the value of a variable.
func (c *call) lookup(name string) (value string, ok bool) {
	for _, entry := range c.environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// find follows the names at the beginning of args to a command, and returns it with
// the rest.
func (c *command) find(args []string) (found *command, rest []string) {
	if c.groups != nil && len(args) > 0 {
		if next := c.named(args[0]); next != nil {
			next.path = c.path + " " + next.name
			return next.find(args[1:])
		}
	}
	return c, args
}

func (c *command) named(name string) *command {
	all := c.commands()
	if i := slices.IndexFunc(all, func(c *command) bool { return c.name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

func (c *command) commands() []*command {
	var all []*command
	for _, g := range c.groups {
		all = append(all, g.commands...)
	}
	return all
}

// do runs the command, or tells about it. Called wrongly, it returns a
// *service.UsageError.
func (c *command) do(ctx context.Context, args, environ []string, out io.Writer) error {
	if c.groups != nil {
		return c.choose(ctx, args, out)
	}
	fs := flag.NewFlagSet(c.path, flag.ContinueOnError)
	fs.SetOutput(out)
	if c.flags != nil {
		c.flags(fs)
	}
	fs.Usage = func() { c.help(out, fs) }
	ran := &call{environ: environ, out: out}
	words, err := service.ParseWords(fs, args, ran.lookup)
	if err == nil && c.words == "" && len(words) > 0 {
		err = fmt.Errorf("unexpected argument %q (-h tells how to call it)", words[0])
	}
	if err != nil {
		return wrongUse(err)
	}
	ran.words = words
	return c.run(ctx, ran)
}

// choose is what a family does when none of its commands is named.
func (c *command) choose(ctx context.Context, args []string, out io.Writer) error {
	first := ""
	if len(args) > 0 {
		first = strings.TrimLeft(args[0], "-")
	}
	switch first {
	case "h", "help":
		if about, rest := c.find(args[1:]); len(rest) == 0 && about != c {
			return about.do(ctx, []string{"-h"}, nil, out)
		}
		c.list(out)
		return flag.ErrHelp
	case "version":
		return printVersion(out)
	case "":
		return wrongUse(fmt.Errorf("say what to do: %s (-h tells about each)", strings.Join(c.names(), ", ")))
	}
	if near := nearest(first, c.names()); near != "" {
		return wrongUse(fmt.Errorf("unknown command %q: did you mean %s? (-h lists all)", args[0], near))
	}
	return wrongUse(fmt.Errorf("unknown command %q (-h lists all)", args[0]))
}

func (c *command) names() []string {
	var all []string
	for _, sub := range c.commands() {
		all = append(all, sub.name)
	}
	return all
}

// list tells of the commands of a family, a line each.
func (c *command) list(out io.Writer) {
	_, _ = fmt.Fprintf(out, "Usage: %s <command> [flags]\n\n%s\n", c.path, sentence(c.short))
	if c.long != "" {
		_, _ = fmt.Fprintf(out, "%s\n", c.long)
	}
	width := 0
	for _, name := range c.names() {
		width = max(width, len(name))
	}
	for _, g := range c.groups {
		_, _ = fmt.Fprintln(out)
		if g.title != "" {
			_, _ = fmt.Fprintf(out, "%s:\n", g.title)
		}
		for _, sub := range g.commands {
			_, _ = fmt.Fprintf(out, "  %-*s  %s\n", width, sub.name, sub.short)
		}
	}
	_, _ = fmt.Fprintf(out, "\n%s <command> -h tells all about one. Where a flag is not given its\nvariable counts, such as POSTRIDER_NATS_URL for -nats-url, or what is in the file that\nPOSTRIDER_NATS_URL_FILE names.\n", c.path)
}

// help tells all about a command.
func (c *command) help(out io.Writer, fs *flag.FlagSet) {
	usage := "Usage: " + c.path
	if c.words != "" {
		usage += " " + c.words
	}
	if c.flags != nil {
		usage += " [flags]"
	}
	_, _ = fmt.Fprintf(out, "%s\n\n%s\n", usage, sentence(c.short))
	if c.long != "" {
		_, _ = fmt.Fprintf(out, "%s\n", c.long)
	}
	if c.flags != nil {
		_, _ = fmt.Fprint(out, "\nFlags, with the variables that count where they are not given (with _FILE, as a file to read):\n")
		service.PrintFlags(out, fs)
	}
}

// sentence makes one of what a command is called in a list.
func sentence(short string) string { return strings.ToUpper(short[:1]) + short[1:] + "." }

// wrongUse makes an error one of the caller, unless it is the answer to -h.
func wrongUse(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return &service.UsageError{Err: err}
}
