// Command token makes what operators authenticate with: an API key in the
// database, or, without a database, a token signed with the JWT secret. It
// prints that and nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

// forYears is how long a signed token is good for unless it is said, as long as
// Svix's.
const forYears = 10 * 365 * 24 * time.Hour

const maxName = 256

func main() {
	os.Exit(service.Exit("token", func(ctx context.Context) error {
		return run(ctx, os.Args[1:], os.LookupEnv, os.Stdout)
	}))
}

// options are the settings of this program.
type options struct {
	databaseURL string
	name        string
	scopes      string
	expires     time.Duration
	signed      bool
	secret      secret.String
}

func parse(args []string, lookup func(string) (string, bool)) (*options, error) {
	var o options
	fs := flag.NewFlagSet("token", flag.ContinueOnError)
	fs.StringVar(&o.databaseURL, "database-url", "", "PostgreSQL `URL`, such as postgres://user:password@host/postrider")
	fs.StringVar(&o.name, "name", "made by token", "`name` of the key, for people")
	fs.StringVar(&o.scopes, "scopes", token.Admin, "`scopes` of the key, joined by commas: "+strings.Join(token.Scopes(), ", "))
	fs.DurationVar(&o.expires, "expires", 0, "how long it is good for; 0: a key for ever, a signed token for ten years")
	fs.BoolVar(&o.signed, "jwt", false, "sign a token instead, which is good for everything and cannot be taken back")
	fs.Var(&o.secret, "jwt-secret", "`secret` that signs tokens of operators and applications")
	if err := service.Parse(fs, args, lookup); err != nil {
		return nil, err
	}
	return &o, o.validate()
}

func (o *options) validate() error {
	var faults []error
	if o.expires < 0 {
		faults = append(faults, fmt.Errorf("expires is %s: must not be below 0", o.expires))
	}
	switch {
	case o.signed && o.secret.IsZero():
		faults = append(faults, fmt.Errorf("jwt-secret is not set: set %s", service.Variable("jwt-secret")))
	case o.signed && len(o.secret.Reveal()) < token.MinSecret:
		faults = append(faults, fmt.Errorf("jwt-secret is too short: must be at least %d bytes", token.MinSecret))
	case !o.signed && o.databaseURL == "":
		faults = append(faults, fmt.Errorf("database-url is not set: set %s", service.Variable("database-url")))
	}
	if o.name == "" || len(o.name) > maxName {
		faults = append(faults, fmt.Errorf("name must be 1 to %d bytes", maxName))
	}
	for scope := range strings.SplitSeq(o.scopes, ",") {
		if !slices.Contains(token.Scopes(), scope) {
			faults = append(faults, fmt.Errorf("scope %q is not one of %s", scope, strings.Join(token.Scopes(), ", ")))
		}
	}
	return errors.Join(faults...)
}

// run makes what is asked for and prints it.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), out io.Writer) error {
	o, err := parse(args, lookup)
	if err != nil {
		return err
	}
	var text string
	if o.signed {
		text, err = o.sign()
	} else {
		text, err = o.makeKey(ctx)
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, text); err != nil {
		return fmt.Errorf("print token: %w", err)
	}
	return nil
}

func (o *options) sign() (string, error) {
	life := o.expires
	if life == 0 {
		life = forYears
	}
	return token.NewSecret(o.secret.Reveal()).SignOperator(time.Now().Add(life))
}

func (o *options) makeKey(ctx context.Context) (string, error) {
	db, err := service.OpenStore(ctx, o.databaseURL, 1)
	if err != nil {
		return "", err
	}
	defer db.Close()
	key, text := token.NewKey()
	scopes := slices.Sorted(strings.SplitSeq(o.scopes, ","))
	made := store.APIKey{ID: key.ID, Name: o.name, Scopes: slices.Compact(scopes)}
	if o.expires > 0 {
		made.ExpiresAt = time.Now().Add(o.expires)
	}
	return text, db.CreateAPIKey(ctx, &made, key.Digest[:])
}
