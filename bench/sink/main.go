// Command sink receives webhooks, shows them, checks their signatures and
// counts them. What it can be told, in an endpoint's URL, is in package receiver:
// for example http://127.0.0.1:8099/hook?fail=2 fails the first two attempts of
// each event. Ctrl-C ends it with the totals.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/postrider/postrider/bench/receiver"
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

// settings are the flags.
type settings struct {
	listen   string
	quiet    bool
	remember int
	secrets  []string          // for all paths
	secretOf map[string]string // for one
}

func run(ctx context.Context, args []string, out, faults io.Writer) int {
	s, err := parse(args, faults)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage // the flag package has said why
	}
	if err := serve(ctx, s, out); err != nil {
		_, _ = fmt.Fprintln(faults, "sink:", err)
		return exitFailure
	}
	return 0
}

func parse(args []string, faults io.Writer) (settings, error) {
	s := settings{secretOf: map[string]string{}}
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	flags.SetOutput(faults)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8099", "where to listen")
	flags.BoolVar(&s.quiet, "quiet", false, "show no deliveries, only totals at the end")
	flags.IntVar(&s.remember, "remember", receiver.DefaultRemember,
		"deliveries to remember for recognising duplicates, at about 40 bytes each")
	flags.Func("secret", "what deliveries must be signed with, whsec_… or whpk_…, or /path=whsec_… for one path; repeatable",
		func(value string) error {
			name, secret, ofPath := strings.Cut(value, "=")
			if ofPath && strings.HasPrefix(name, "/") {
				s.secretOf[name] = secret
				return nil
			}
			s.secrets = append(s.secrets, value)
			return nil
		})
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		_, _ = fmt.Fprintln(faults, "sink:", err)
	}
	return s, err
}

func serve(ctx context.Context, s settings, out io.Writer) error {
	o := receiver.Options{Secrets: s.secrets, Remember: s.remember}
	if !s.quiet {
		o.Observe = printer(out)
	}
	sink, err := receiver.New(o)
	if err != nil {
		return err
	}
	for name, secret := range s.secretOf {
		if err := sink.SetSecret(name, secret); err != nil {
			return fmt.Errorf("use secret of %s: %w", name, err)
		}
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	_, _ = fmt.Fprintf(out, "sink listens on http://%s/ (any path; Ctrl-C ends it)\n", listener.Addr())
	err = sink.Serve(ctx, listener)
	_, _ = fmt.Fprintln(out, totals(sink.Stats().Total))
	return err
}

// printer shows deliveries one line each, in the order of their ends.
func printer(out io.Writer) func(receiver.Delivery) {
	var mu sync.Mutex
	return func(d receiver.Delivery) {
		line := d.String()
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(out, line)
	}
}

func totals(c receiver.Counts) string {
	text := fmt.Sprintf("\n%d deliveries in %d requests: %d accepted, %d refused, %d not answered, %d duplicates, %d bad signatures",
		c.Distinct, c.Requests, c.Accepted, c.Refused, c.Abandoned, c.Duplicates, c.BadSignatures)
	if c.Unidentified > 0 {
		text += fmt.Sprintf(", %d without webhook-id", c.Unidentified)
	}
	if c.Forgotten > 0 {
		text += fmt.Sprintf(", %d beyond what is remembered (-remember)", c.Forgotten)
	}
	return text
}
