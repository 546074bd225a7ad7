// Command lists measures the lists of the API, and the pages that show them, against a
// database that is full:
// a million attempts in thirty days, by default, and the events they belong to.
// It starts the whole stack on this machine, writes the rows past it, and asks
// for each list over HTTP.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/stack"
)

// A slow list is asked for less often: no longer than that, but so often at least.
const (
	longest = 3 * time.Second
	fewest  = 5
)

func main() {
	attempts := flag.Int("attempts", 1_000_000, "attempts in the database, about")
	days := flag.Int("days", 30, "days that they are spread over")
	rounds := flag.Int("rounds", 51, "how often to ask for each list")
	limit := flag.Duration("limit", 50*time.Millisecond, "median that no list may exceed; statistics have a limit of their own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *attempts, *days, *rounds, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "lists:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be undone
	}
}

func run(ctx context.Context, out io.Writer, attempts, days, rounds int, limit time.Duration) (err error) {
	s, err := stack.Temporary(ctx, "", stack.Options{NoFsync: true, Env: []string{"POSTRIDER_MEMBER_RATE=0"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }() //nolint:contextcheck // stops also when ctx has ended
	db, err := pgx.Connect(ctx, s.DatabaseURL)
	if err != nil {
		return fmt.Errorf("reach database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()

	c := &client{url: s.URL, token: s.Token}
	began := time.Now()
	f := &filler{db: db, days: days, now: began}
	if err := f.fill(ctx, c, attempts); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	_, _ = fmt.Fprintf(out, "%d attempts at %d events in %d days, %d of them at one endpoint; written in %.0f s\n\n",
		f.attempts, f.events, days, f.atEndpoint, time.Since(began).Seconds())
	if err := c.enter(ctx, f.apps[0]); err != nil {
		return err
	}
	return measure(ctx, out, c, f.cases(), rounds, limit)
}

// measure asks for each list and prints a row of the table.
func measure(ctx context.Context, out io.Writer, c *client, lists []list, rounds int, limit time.Duration) error {
	_, _ = fmt.Fprintf(out, "| list | median, ms | 95 of 100, ms |\n|---|--:|--:|\n")
	var slow []error
	for _, l := range lists {
		var took []time.Duration
		for first := time.Now(); len(took) < rounds && (len(took) < fewest || time.Since(first) < longest); {
			began := time.Now()
			if err := c.ask(ctx, l); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		median := took[len(took)/2]
		_, _ = fmt.Fprintf(out, "| %s | %.1f | %.1f |\n", l.name, ms(median), ms(took[len(took)*95/100]))
		if allowed := cmp.Or(l.limit, limit); median > allowed {
			slow = append(slow, fmt.Errorf("%s takes %s, and may take %s", l.name, median, allowed))
		}
	}
	return errors.Join(slow...)
}

func (c *client) ask(ctx context.Context, l list) error {
	if l.page {
		return c.open(ctx, l.path)
	}
	return c.get(ctx, l.path, nil)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
