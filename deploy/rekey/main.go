// Command rekey encrypts the secrets in the database under the first of its keys:
// those that are encrypted under another one, and those that are plain. It says what
// it did, how many are left under which key, and which keys can be removed:
//
//	POSTRIDER_SECRET_KEYS=new:…,old:… rekey
//
// It may run beside all traffic: each secret is written by itself, and only if it has
// not changed since it was read. Cut short it may be run again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// passes is how often it begins again at most, where others still write with another
// key.
const passes = 3

func main() {
	os.Exit(service.Exit("rekey", func(ctx context.Context) error {
		return run(ctx, os.Args[1:], os.LookupEnv, os.Stdout)
	}))
}

func run(ctx context.Context, args []string, lookup func(string) (string, bool), out io.Writer) error {
	fs := flag.NewFlagSet("rekey", flag.ContinueOnError)
	fs.SetOutput(out)
	database := fs.String("database-url", "", "PostgreSQL `URL`, such as postgres://user:password@host/postrider")
	var keys service.Keys
	keys.Flags(fs)
	if err := service.Parse(fs, args, lookup); err != nil {
		return err
	}
	ring, err := keys.Ring()
	if err != nil {
		return err
	}
	if ring == nil {
		return fmt.Errorf("secret-keys is not set: set %s", service.Variable("secret-keys"))
	}
	db, err := service.OpenStore(ctx, *database, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	db.UseKeys(ring)
	if err := db.Verify(ctx); err != nil {
		return err
	}
	lost, err := rekey(ctx, db, out)
	if err != nil {
		return err
	}
	left, err := tell(ctx, db, ring.First(), out)
	if err != nil {
		return err
	}
	if left > 0 {
		return errors.Join(fmt.Errorf("%d secrets are left: see above, and run it again", left), lost)
	}
	return nil
}

// rekey seals until there is nothing more to do. It returns what it could not open.
func rekey(ctx context.Context, db *store.Store, out io.Writer) (lost, err error) {
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

// tell says how many are left under which key, and which keys are needed no more.
func tell(ctx context.Context, db *store.Store, first string, out io.Writer) (left int, err error) {
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
