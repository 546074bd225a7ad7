// Command report measures the pipeline on this machine: it starts all of it as
// separate processes, sends loads through it and tells how fast it was, with
// what delay, and what CPU and memory each process took. `make bench` runs it.
//
// With -url it measures a system that runs already, and may deliver to the loopback
// address: of whatever make, as long as it speaks Svix's API, or one of the others
// that -api knows.
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

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/machine"
	"github.com/postrider/postrider/bench/page"
	"github.com/postrider/postrider/bench/receiver"
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

// settings are the flags.
type settings struct {
	url, token string         // of a running system
	processes  map[string]int // of it
	dir        string
	output     string
	json, html string
	profiles   string // folder

	light, saturate, steady, keys time.Duration
	lightRate                     float64
	load                          sender.Config
}

// run returns 1 also when something was lost, double or otherwise wrong.
func run(ctx context.Context, args []string, token string, out, faults io.Writer) int {
	s, err := parse(args, token, faults)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage // it was said why
	}
	sound, err := bench(ctx, s, out, faults)
	if err != nil {
		_, _ = fmt.Fprintln(faults, "bench:", err)
	}
	if err != nil || !sound {
		return exitFailure
	}
	return 0
}

func parse(args []string, token string, faults io.Writer) (settings, error) {
	s := settings{processes: map[string]int{}, load: sender.Default()}
	s.load.Tenants = 50
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(faults)
	flags.StringVar(&s.url, "url", "", "measure the system that runs there, instead of one of its own")
	flags.StringVar(&s.load.API, "api", target.Svix, "whose API that system speaks: "+strings.Join(target.Names(), ", ")+"; go run ./bench/load -h says what its url is then")
	flags.StringVar(&s.token, "token", "", "operator token or API key of that system (default: $"+tokenVariable+"); webhook-broker has none")
	flags.Func("process", "a process of that system, as name=pid; repeatable", func(text string) error {
		name, pid, err := parseProcess(text)
		if err == nil {
			s.processes[name] = pid
		}
		return err
	})
	flags.StringVar(&s.dir, "dir", ".", "where to put data while measuring: on the disk that is to be measured")
	flags.StringVar(&s.output, "o", "", "also write the report to this file, as Markdown")
	flags.StringVar(&s.json, "json", "", "and to this `file` as JSON, which bench/compare reads")
	flags.StringVar(&s.html, "html", "", "and to this `file` as a page with plots")
	flags.StringVar(&s.profiles, "profiles", "", "and CPU profiles of each stage under each load to this `folder`, and tell what each step of an event's way costs; taking them costs some CPU itself")
	flags.DurationVar(&s.light, "light", 15*time.Second, "how long to send little; 0 leaves it out")
	flags.Float64Var(&s.lightRate, "light-rate", 50, "events per second that are little")
	flags.DurationVar(&s.saturate, "saturate", 30*time.Second, "how long to send as fast as possible; 0 leaves it out")
	flags.DurationVar(&s.steady, "steady", 15*time.Second, "how long to send four fifths of that; 0 leaves it out")
	flags.DurationVar(&s.keys, "keys", 0, "how long to accept without and with idempotency keys, by turns, each time; 0 leaves it out")
	flags.IntVar(&s.load.Tenants, "tenants", s.load.Tenants, "applications")
	flags.IntVar(&s.load.Endpoints, "endpoints", s.load.Endpoints, "endpoints in each")
	flags.IntVar(&s.load.Senders, "senders", s.load.Senders, "requests under way at once, at most")
	flags.IntVar(&s.load.Batch, "batch", s.load.Batch, "events of each request; 0 and 1 post them one by one")
	flags.IntVar(&s.load.Size, "size", s.load.Size, "bytes of each payload")
	flags.DurationVar(&s.load.Drain, "drain", 2*time.Minute, "how long to wait for the rest to arrive, at most")
	flags.DurationVar(&s.load.Settle, "settle", s.load.Settle, "how long to wait for duplicates after that")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.token == "" {
		s.token = token
	}
	err := s.validate()
	if flags.NArg() > 0 {
		err = errors.Join(fmt.Errorf("unexpected argument %q", flags.Arg(0)), err)
	}
	if err != nil {
		_, _ = fmt.Fprintln(faults, "bench:", err)
	}
	return s, err
}

// validate finds what can be found before anything is started.
func (s settings) validate() error {
	load := s.load
	load.Sink, load.URL, load.Token = "http://sink", s.url, s.token
	if s.url == "" {
		if len(s.processes) > 0 || s.load.API != target.Svix {
			return errors.New("process and api are only for a system that runs at url")
		}
		load.URL, load.Token = "http://ours", "ours"
	}
	if s.lightRate <= 0 || min(s.light, s.saturate, s.steady, s.keys) < 0 {
		return errors.New("rates must be positive, and durations not negative")
	}
	return load.Validate()
}

// wakesSpan is how long it is measured what being woken costs this machine.
const wakesSpan = 4 * time.Second

// bench measures and reports. It is sound when all that was accepted was
// delivered, once, and idempotency keys cost what they may.
func bench(ctx context.Context, s settings, out, progress io.Writer) (sound bool, err error) {
	tell := func(what string) { _, _ = fmt.Fprintln(progress, "bench:", what) }
	sink, err := receiver.Start(ctx, receiver.Options{})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	wakes, err := machine.MeasureWakes(ctx, s.lightRate, wakesSpan)
	if err != nil {
		return false, err
	}
	tell("starting the system")
	measured, err := open(ctx, s)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, measured.Stop()) }()

	load := s.load
	load.URL, load.Token, load.Sink = measured.URL(), measured.Token(), sink.URL
	parts := measured.Parts()
	phases, err := measureAll(ctx, s, load, parts, tell)
	if err != nil {
		return false, err
	}
	where := machine.Describe(ctx, parts.Processes)
	about := describeLoad(load) + "\n\n" + wakes.String()
	text := render(where, about, phases)
	sound = true
	if s.keys > 0 {
		keys, err := measureKeys(ctx, s.keys, load, parts, tell)
		if err != nil {
			return false, err
		}
		text += "\n" + keys.String()
		sound = keys.ratio() <= keyLimit
	}
	_, _ = fmt.Fprint(out, text)
	if err := s.keep(text, found(where, about, phases)); err != nil {
		return false, err
	}
	for _, p := range phases {
		sound = sound && len(p.result.Problems()) == 0
	}
	return sound, nil
}

// keep writes the report to the files that are asked for.
func (s settings) keep(text string, run findings.Run) error {
	if s.output != "" {
		if err := os.WriteFile(s.output, []byte(text), 0o644); err != nil { //nolint:gosec // to be read by all
			return fmt.Errorf("write report: %w", err)
		}
	}
	return page.Keep(run, s.json, s.html)
}

func describeLoad(c sender.Config) string {
	how := "signed and verified"
	if target.Kinds()[c.API].Numbered {
		how = "of " + c.API + ", whose signatures are not verified"
	}
	posted := "one by one"
	if c.Batch > 1 {
		posted = fmt.Sprintf("in batches of %d", c.Batch)
	}
	return fmt.Sprintf("Events of %d bytes, posted %s, %s, to %d applications with %d endpoints each; idempotency keys sent.",
		c.Size, posted, how, c.Tenants, c.Endpoints)
}
