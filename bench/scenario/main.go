// Command scenario measures what fair delivery promises, one promise a scenario:
// that a quiet tenant does not notice a noisy one, that a dead endpoint costs
// next to nothing, that limits, weights and orders hold, and that ill partners,
// bursts and hours of load change nothing of it. Each starts the whole system on
// this machine, measures with and without the noise in the same run, and prints
// what it found beside the limit. `make scenario` runs them all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/postrider/postrider/bench/suite"
)

func main() {
	os.Exit(suite.Main(func(ctx context.Context, args []string) int {
		return run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
	}))
}

// run returns 1 also when a limit is broken.
func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) int {
	if len(args) == 1 {
		if part, ok := parts()[args[0]]; ok {
			return runPart(ctx, part, in, out, progress)
		}
	}
	return program().Run(ctx, args, out, progress)
}

func runPart(ctx context.Context, part func(context.Context, io.Reader, io.Writer) error, in io.Reader, out, faults io.Writer) int {
	if err := part(ctx, in, out); err != nil {
		fmt.Fprintln(faults, "scenario:", err)
		return suite.ExitFailure
	}
	return 0
}

// program is all scenarios.
func program() suite.Suite {
	scale := 1.0
	s := suite.Suite{
		Name: "scenario", Kind: "scenario",
		Flags: func(flags *flag.FlagSet) {
			flags.Float64Var(&scale, "scale", scale, "`part` of all numbers and times that is used, for a quick look; what is promised is promised at 1")
		},
		Check: func() error {
			if !(scale > 0 && scale <= 1) {
				return errors.New("scale must be above 0 and at most 1")
			}
			return nil
		},
	}
	for _, each := range scenarios() {
		s.Cases = append(s.Cases, suite.Case{Name: each.name, Promise: each.promise, Apart: each.apart, Run: func(ctx context.Context, t *suite.Trial) error {
			return each.run(ctx, &bench{Trial: t, scale: scale, report: &report{t.Report}})
		}})
	}
	return s
}
