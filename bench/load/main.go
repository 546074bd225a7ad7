// Command load sends events to a running Postrider, or to any server that speaks
// Svix's API, or Convoy's, Outpost's or webhook-broker's (-api), and reports how fast
// they were accepted and delivered, with what delay, and whether any is missing or
// double. The receiver must be the sink of this repository, running on this same
// machine: delays are measured from here to there.
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
	"time"

	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/target"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

// tokenVariable is where the token is taken from, out of sight of whoever lists
// the processes.
const tokenVariable = "POSTRIDER_TOKEN"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv(tokenVariable), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns 1 when the load could not be sent and also when something was
// lost, double or otherwise wrong.
func run(ctx context.Context, args []string, token string, out, faults io.Writer) int {
	s, err := parse(args, token, faults)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage // it was said why
	}
	if s.csv != "" {
		if err := s.write(out); err != nil {
			_, _ = fmt.Fprintln(faults, "load:", err)
			return exitFailure
		}
		return 0
	}
	config := s.load
	_, _ = fmt.Fprintln(out, describe(config))
	result, err := sender.Do(ctx, config)
	if result.Sending > 0 {
		_, _ = fmt.Fprint(out, result)
	}
	if err != nil {
		_, _ = fmt.Fprintln(faults, "load:", err)
		return exitFailure
	}
	if len(result.Problems()) > 0 {
		return exitFailure
	}
	return 0
}

// settings are the flags.
type settings struct {
	load sender.Config

	profiled bool
	seed     uint64
	day      time.Duration
	csv      string // what to write of the profile
}

func parse(args []string, token string, faults io.Writer) (settings, error) {
	s := settings{load: sender.Default()}
	c := &s.load
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(faults)
	flags.StringVar(&c.API, "api", target.Svix, "whose API the server speaks: "+strings.Join(target.Names(), ", "))
	flags.StringVar(&c.URL, "url", c.URL, "the server to load: for svix and webhook-broker where it is, for outpost …/api/v1, for convoy …/api/v1/projects/<id>")
	flags.StringVar(&c.Token, "token", "", "operator token or API key of the server (default: $"+tokenVariable+"); webhook-broker has none")
	flags.StringVar(&c.Sink, "sink", c.Sink, "the sink to deliver to, as the server reaches it")
	flags.IntVar(&c.Tenants, "tenants", c.Tenants, "applications to make")
	flags.IntVar(&c.Endpoints, "endpoints", c.Endpoints, "endpoints in each; every one gets every event of its application")
	flags.Float64Var(&c.Rate, "rate", c.Rate, "events per second, by the clock (open loop); 0 sends as fast as answers come (closed loop)")
	flags.IntVar(&c.Senders, "senders", c.Senders, "requests under way at once, at most")
	flags.DurationVar(&c.Duration, "duration", c.Duration, "how long to send, at most")
	flags.Int64Var(&c.Events, "events", c.Events, "how many events to send, at most; 0 is no limit")
	flags.IntVar(&c.Batch, "batch", c.Batch, "events of each request; 0 and 1 post them one by one")
	flags.DurationVar(&c.Drain, "drain", c.Drain, "how long to wait for the rest to arrive, at most")
	flags.DurationVar(&c.Settle, "settle", c.Settle, "how long to wait for duplicates after that")
	flags.IntVar(&c.Size, "size", c.Size, "bytes of each payload")
	flags.StringVar(&c.Class, "class", c.Class, "name to count under at the sink (default: one of its own)")
	flags.BoolVar(&c.Idempotency, "idempotency", c.Idempotency, "send idempotency keys and try failed requests again, as client libraries do")
	flags.BoolVar(&c.Keep, "keep", c.Keep, "leave the applications there afterwards")
	flags.BoolVar(&s.profiled, "profile", false, "send a billion events a month as they really come: peaks, bursts, few busy tenants, some ill endpoints; "+
		"rate, tenants and duration change it where they are given, endpoints and size do not")
	flags.Uint64Var(&s.seed, "seed", 1, "`number` that the profile comes from")
	flags.DurationVar(&s.day, "day", 24*time.Hour, "how long a day of the profile takes: less compresses its time, at the same rate")
	flags.StringVar(&s.csv, "csv", "", "write the `events` or the tenants of the profile as CSV, and send nothing")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if c.Token == "" {
		c.Token = token
	}
	if s.profiled || s.csv != "" {
		given := map[string]bool{}
		flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		s.useProfile(given)
	}
	err := s.validate()
	if flags.NArg() > 0 {
		err = errors.Join(fmt.Errorf("unexpected argument %q", flags.Arg(0)), err)
	}
	if err != nil {
		_, _ = fmt.Fprintln(faults, "load:", err)
	}
	return s, err
}

// useProfile changes the profile by the flags that are given.
func (s *settings) useProfile(given map[string]bool) {
	p := profile.Month(s.seed, s.day)
	if given["rate"] {
		p.BurstRate *= s.load.Rate / p.Rate
		p.Rate = s.load.Rate
	}
	if given["tenants"] {
		p.Tenants = s.load.Tenants
	}
	if !given["duration"] {
		s.load.Duration = s.day
	}
	s.load.Profile, s.load.Tenants, s.load.Endpoints = &p, p.Tenants, 1
}

func (s *settings) validate() error {
	switch s.csv {
	case "":
		return s.load.Validate()
	case csvEvents, csvTenants:
		return s.load.Profile.Validate() // nothing else is used
	default:
		return fmt.Errorf("csv %q is neither %s nor %s", s.csv, csvEvents, csvTenants)
	}
}

// What can be written.
const (
	csvEvents  = "events"
	csvTenants = "tenants"
)

func (s *settings) write(out io.Writer) error {
	if s.csv == csvTenants {
		return s.load.Profile.WriteTenants(out)
	}
	return s.load.Profile.WriteEvents(out, s.load.Duration)
}

func describe(c sender.Config) string {
	if p := c.Profile; p != nil {
		return fmt.Sprintf("%.6g events/s on average and %d bursts of %.6g/s a day of %s, for %s, to %d applications, seed %d, to %s",
			p.Rate, p.Bursts, p.BurstRate, p.Day, c.Duration, p.Tenants, p.Seed, c.URL)
	}
	pace := fmt.Sprintf("%.6g events/s (open loop)", c.Rate)
	if c.Rate == 0 {
		pace = fmt.Sprintf("as fast as %d senders can (closed loop)", c.Senders)
	}
	return fmt.Sprintf("%s for %s, %d bytes each, %d applications with %d endpoints each, to %s",
		pace, c.Duration, c.Size, c.Tenants, c.Endpoints, c.URL)
}
