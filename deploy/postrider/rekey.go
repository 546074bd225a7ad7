package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// passes is how often it begins again at most, where others still write with another
// key.
const passes = 3

// rekeyer seals the secrets in the database under the first of its keys.
type rekeyer struct {
	database

	keys service.Keys
}

func rekey() *command {
	var r rekeyer
	return &command{
		name:  "rekey",
		short: "encrypt the secrets in the database under another key",
		long: `It encrypts under the first of the keys what is encrypted under another one, and what
is plain. It says what it did, how many are left under which key, and which keys can
be removed:

  POSTRIDER_SECRET_KEYS=new:…,old:… postrider rekey

It may run beside all traffic: each secret is written by itself, and only if it has
not changed since it was read. Cut short it may be run again.`,
		flags: func(fs *flag.FlagSet) {
			r.flags(fs)
			r.keys.Flags(fs)
		},
		run: r.run,
	}
}

func (r *rekeyer) run(ctx context.Context, c *call) error {
	ring, err := r.keys.Ring()
	if err != nil {
		return err
	}
	if ring == nil {
		return notSet("secret-keys")
	}
	db, err := r.open(ctx, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	db.UseKeys(ring)
	if err := db.Verify(ctx); err != nil {
		return err
	}
	lost, err := sealAll(ctx, db, c.out)
	if err != nil {
		return err
	}
	left, err := tellKeys(ctx, db, ring.First(), c.out)
	if err != nil {
		return err
	}
	if left > 0 {
		return errors.Join(fmt.Errorf("%d secrets are left: see above, and run it again", left), lost)
	}
	return nil
}

// sealAll seals until there is nothing more to do. It returns what it could not open.
func sealAll(ctx context.Context, db *store.Store, out io.Writer) (lost, err error) {
	for range passes {
		sealed := 0
		lost = nil
		err = db.Rekey(ctx, func(r store.Rekeyed, unread error) {
			sealed += r.Sealed
			lost = errors.Join(lost, unread)
			_, _ = fmt.Fprintf(out, "%s: %d encrypted, %d not (changed at that moment, or not to be decrypted)\n", r.Column, r.Sealed, r.Missed)
		})
		if err != nil || sealed == 0 {
			return lost, err
		}
	}
	return lost, nil
}

// tellKeys says how many are left under which key, and which keys are needed no more.
func tellKeys(ctx context.Context, db *store.Store, first string, out io.Writer) (left int, err error) {
	counts, err := db.SecretsByKey(ctx)
	if err != nil {
		return 0, err
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		name := "under key " + id
		if id == "" {
			name = "plain"
		}
		if id != first {
			left += counts[id]
		}
		_, _ = fmt.Fprintf(out, "%d %s\n", counts[id], name)
	}
	retired, err := db.RetireKeys(ctx)
	for _, id := range retired {
		_, _ = fmt.Fprintf(out, "nothing is encrypted under key %s any more: it can be removed\n", id)
	}
	return left, err
}
