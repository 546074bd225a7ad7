// Command scenario measures what fair delivery promises, one promise a scenario:
// that a quiet tenant does not notice a noisy one, that a dead endpoint costs
// next to nothing, that limits, weights and orders hold. Each starts the whole
// system on this machine, measures with and without the noise in the same run,
// and prints what it found beside the limit. `make scenario` runs them all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/postrider/postrider/bench/findings"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are the flags and arguments.
type settings struct {
	dir       string
	output    string
	scale     float64
	rate      float64
	scenarios []scenario
}

// run returns 1 also when a limit is broken.
func run(ctx context.Context, args []string, in io.Reader, out, faults io.Writer) int {
	if len(args) == 1 {
		if part, ok := parts()[args[0]]; ok {
			return exitCode(part(ctx, in, out), faults)
		}
	}
	s, err := parse(args, faults)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage // it was said why
	}
	return exitCode(measure(ctx, s, out, faults), faults)
}

func exitCode(err error, faults io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(faults, "scenario:", err)
	return exitFailure
}

func parse(args []string, faults io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("scenario", flag.ContinueOnError)
	flags.SetOutput(faults)
	flags.Usage = func() {
		fmt.Fprintf(faults, "Usage: scenario [flags] all|name…\n\nScenarios:\n")
		for _, each := range scenarios() {
			fmt.Fprintf(faults, "  %-15s %s\n", each.name, each.promise)
		}
		fmt.Fprintf(faults, "\nFlags:\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&s.dir, "dir", ".", "where to put data while measuring: on the disk that is to be measured")
	flags.StringVar(&s.output, "o", "", "also append what was measured to this file, as Markdown")
	flags.Float64Var(&s.scale, "scale", 1, "`part` of all numbers and times that is used, for a quick look; what is promised is promised at 1")
	flags.Float64Var(&s.rate, "rate", 0, "`events` a second in the levels (normal to apocalypse) and the burst; without, what is promised")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var err error
	if s.scenarios, err = choose(flags.Args()); err == nil && !(s.scale > 0 && s.scale <= 1) {
		err = errors.New("scale must be above 0 and at most 1")
	} else if err == nil && s.rate < 0 {
		err = errors.New("rate must not be negative")
	}
	if err != nil {
		fmt.Fprintln(faults, "scenario:", err)
	}
	return s, err
}

// choose finds scenarios by their names.
func choose(names []string) ([]scenario, error) {
	if len(names) == 0 {
		return nil, errors.New("name a scenario, or all (-h lists them)")
	}
	var chosen []scenario
	for _, name := range names {
		known := false
		for _, s := range scenarios() {
			if name == s.name || name == "all" {
				chosen, known = append(chosen, s), true
			}
		}
		if !known {
			return nil, fmt.Errorf("there is no scenario %q (-h lists them)", name)
		}
	}
	return chosen, nil
}

// measure runs scenarios one after the other. One that fails does not keep the
// others from running.
func measure(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	l, err := newLab(ctx, s, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var failed []string
	for _, each := range s.scenarios {
		l.tell("%s", each.name)
		found := &report{findings.Report{Title: each.name + ": " + each.promise}}
		if err := each.run(ctx, &bench{lab: l, report: found}); err != nil {
			found.Fault(err)
		}
		if found.Broken() {
			failed = append(failed, each.name)
		}
		if err := publish(found.String()+"\n", out, s.output); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("limits are broken: %s", strings.Join(failed, ", "))
	}
	return nil
}

// publish prints, and appends to the file if one is named.
func publish(text string, out io.Writer, file string) error {
	fmt.Fprint(out, text)
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // to be read by all
	if err != nil {
		return fmt.Errorf("open report: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
