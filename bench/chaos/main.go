// Command chaos proves that nothing is lost. It starts the whole system on this
// machine, posts events to it at a steady rate, and meanwhile kills, freezes and
// disconnects its parts, or takes away what they stand on. It keeps a ledger of
// every 202 and of every arrival, and compares them when all is quiet. `make chaos`
// runs all of its faults.
//
// The moments and victims of a run come from a seed, which it prints: the same seed
// does the same again, as far as a system of many processes can.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/shared/stack"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are the flags and arguments.
type settings struct {
	bin      string // folder of the programs
	dir      string
	seed     uint64
	span     time.Duration // 0: what the fault says
	rate     float64       // 0: the same
	idle     time.Duration
	settling time.Duration
	lossOnly bool
	faults   []fault
}

// run returns 1 also when a promise is broken.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	s, err := parse(args, progress)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage // it was said why
	}
	if err := runAll(ctx, s, out, progress); err != nil {
		fmt.Fprintln(progress, "chaos:", err)
		return exitFailure
	}
	return 0
}

func parse(args []string, progress io.Writer) (settings, error) {
	s := settings{seed: uint64(rand.Uint32())}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.Usage = func() {
		fmt.Fprintf(progress, "Usage: chaos [flags] all|name…\n\nFaults:\n")
		for _, each := range faults() {
			fmt.Fprintf(progress, "  %-14s %s\n", each.name, each.promise)
		}
		fmt.Fprintf(progress, "\nFlags:\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&s.dir, "dir", ".", "where to put data meanwhile: on a disk like that of a real installation")
	flags.Uint64Var(&s.seed, "seed", s.seed, "`number` that moments and victims come from; without, one at random")
	flags.DurationVar(&s.span, "for", 0, "how long to send; without, as long as the fault needs")
	flags.Float64Var(&s.rate, "rate", 0, "`events` a second; without, what is promised for the fault")
	flags.DurationVar(&s.idle, "idle", 5*time.Minute, "how long nothing may happen in the end while deliveries are missing: retries wait for their time, and endpoints that were down are probed first")
	flags.DurationVar(&s.settling, "settle", 35*time.Second, "how long to wait for what arrives twice: messages that nobody acknowledged come again after 30s")
	flags.BoolVar(&s.lossOnly, "loss-only", false, "look for loss only and not at how long things take, and leave it to the system when data reaches the disk: for busy machines")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var err error
	if s.faults, err = choose(flags.Args()); err == nil && (s.span < 0 || s.rate < 0 || s.settling < 0 || s.idle < 0) {
		err = errors.New("for, rate, idle and settle must not be negative")
	}
	if err != nil {
		fmt.Fprintln(progress, "chaos:", err)
	}
	return s, err
}

// choose finds faults by their names.
func choose(names []string) ([]fault, error) {
	if len(names) == 0 {
		return nil, errors.New("name a fault, or all (-h lists them)")
	}
	var chosen []fault
	for _, name := range names {
		known := false
		for _, f := range faults() {
			if name == f.name || name == "all" {
				chosen, known = append(chosen, f), true
			}
		}
		if !known {
			return nil, fmt.Errorf("there is no fault %q (-h lists them)", name)
		}
	}
	return chosen, nil
}

// runAll runs faults one after the other. One that breaks a promise does not keep
// the others from running.
func runAll(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	if s.bin, err = os.MkdirTemp("", "postrider-chaos-"); err != nil {
		return fmt.Errorf("make folder for programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.bin)) }() //nolint:gosec // we have made it
	fmt.Fprintln(progress, "chaos: building")
	if err := stack.Build(ctx, s.bin); err != nil {
		return err
	}
	var broken []string
	for _, f := range s.faults {
		if runOne(ctx, s, f, out, progress) {
			broken = append(broken, f.name)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("promises are broken: %s (seed %d)", strings.Join(broken, ", "), s.seed)
	}
	return nil
}

// runOne tells whether a promise was broken.
func runOne(ctx context.Context, s settings, f fault, out, progress io.Writer) bool {
	began := time.Now()
	t := &trial{
		settings: s, fault: f, rate: f.rate, span: f.span,
		report: &findings.Report{Title: f.name + ": " + f.promise},
		tell: func(format string, args ...any) {
			fmt.Fprintf(progress, "chaos: %s %5.1f s: %s\n", f.name, time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		},
	}
	if s.rate > 0 {
		t.rate = s.rate
	}
	if s.span > 0 {
		t.span = s.span
	}
	if err := t.run(ctx); err != nil {
		t.report.Fault(err)
	}
	fmt.Fprintln(out, t.report)
	return t.report.Broken()
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
