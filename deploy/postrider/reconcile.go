package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/dlq/rebuild"
	"github.com/postrider/postrider/shared/store"
)

// askEvery is how often it is asked how far the work is.
const askEvery = 250 * time.Millisecond

// reconciler puts on its way again what the streams have lost since a time.
type reconciler struct {
	database
	broker

	since string
}

func reconcile() *command {
	var r reconciler
	return &command{
		name:  "reconcile",
		short: "put on its way again what the streams have lost since a time",
		long: `The dlq stage does so by itself when it sees a loss; this is for one that it cannot
see, or for peace of mind: nothing is sent that was sent before. A running dlq
process does the work, or this one does when there is none. Cut short it may be run
again, or is finished by dlq.

  postrider reconcile -since 10m`,
		flags: r.flags,
		run:   r.run,
	}
}

func (r *reconciler) flags(fs *flag.FlagSet) {
	r.database.flags(fs)
	r.broker.flags(fs)
	fs.StringVar(&r.since, "since", "", "`time` since which something may be lost: 2006-01-02T15:04:05Z, or how long ago, such as 10m")
}

func (r *reconciler) run(ctx context.Context, c *call) error {
	since, err := parsePast("since", r.since, time.Now())
	if err != nil {
		return err
	}
	db, err := r.database.open(ctx, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	b, err := r.broker.open("reconcile")
	if err != nil {
		return err
	}
	defer b.Close()
	asked := &store.Reconciliation{Since: since, Lost: true, Reason: "asked for"}
	if err := db.AskReconciliation(ctx, asked); err != nil {
		return err
	}
	done, err := finish(ctx, &rebuild.Rebuilder{Bus: b, Store: db}, asked)
	if err != nil {
		return err
	}
	return report(c.out, done)
}

// parsePast reads a time, or how long ago it was, for the flag of that name.
func parsePast(name, text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.After(now) {
		return time.Time{}, fmt.Errorf("%s is %q: must be a time in the past such as 2006-01-02T15:04:05Z, or how long ago, such as 10m", name, text)
	}
	return at, nil
}

// finish returns the reconciliation when it is done, or the one that it was merged
// into. It does it here unless a dlq process does.
func finish(ctx context.Context, rebuilder *rebuild.Rebuilder, r *store.Reconciliation) (*store.Reconciliation, error) {
	for {
		if _, err := rebuilder.Reconcile(ctx); err != nil {
			return nil, err
		}
		now, err := rebuilder.Store.Reconciliation(ctx, r.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, fmt.Errorf("reconciliation %d: %w", r.ID, err)
		case err != nil:
			return nil, err
		case now.Merged > 0:
			r.ID = now.Merged
			continue
		case !now.Finished.IsZero():
			return now, nil
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// report says what was put on its way again.
func report(out io.Writer, r *store.Reconciliation) error {
	var text strings.Builder
	fmt.Fprintf(&text, "looked at everything since %s in %s; put on their way again:\n",
		r.Since.UTC().Format(time.RFC3339), r.Finished.Sub(r.Created).Round(time.Millisecond))
	for _, kind := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&text, "%8d %s\n", r.Counts[kind], kind)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
