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
	"cmp"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"time"

	"github.com/postrider/postrider/bench/suite"
)

func main() {
	os.Exit(suite.Main(func(ctx context.Context, args []string) int {
		return program(&settings{}).Run(ctx, args, os.Stdout, os.Stderr)
	}))
}

// settings are the flags beside those that all suites have.
type settings struct {
	seed     uint64
	idle     time.Duration
	settling time.Duration
	lossOnly bool
}

// program is all faults.
func program(s *settings) suite.Suite {
	p := suite.Suite{Name: "chaos", Kind: "fault", Flags: s.register, Check: s.validate}
	for _, f := range faults() {
		p.Cases = append(p.Cases, suite.Case{Name: f.name, Promise: f.promise, Run: func(ctx context.Context, found *suite.Trial) error {
			t := &trial{Trial: found, settings: *s, fault: f, rate: cmp.Or(found.Rate, f.rate), span: cmp.Or(found.Span, f.span)}
			return t.run(ctx)
		}})
	}
	return p
}

func (s *settings) register(flags *flag.FlagSet) {
	flags.Uint64Var(&s.seed, "seed", uint64(rand.Uint32()), "`number` that moments and victims come from; without, one at random")
	flags.DurationVar(&s.idle, "idle", 5*time.Minute, "how long nothing may happen in the end while deliveries are missing: retries wait for their time, and endpoints that were down are probed first")
	flags.DurationVar(&s.settling, "settle", 35*time.Second, "how long to wait for what arrives twice: messages that nobody acknowledged come again after 30s")
	flags.BoolVar(&s.lossOnly, "loss-only", false, "look for loss only and not at how long things take, and leave it to the system when data reaches the disk: for busy machines")
}

func (s *settings) validate() error {
	if s.settling < 0 || s.idle < 0 {
		return errors.New("idle and settle must not be negative")
	}
	return nil
}
