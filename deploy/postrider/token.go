package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

// forYears is how long a signed token is good for unless it is said, as long as
// Svix's.
const forYears = 10 * 365 * 24 * time.Hour

const maxName = 256

// credential is what operators authenticate with, as it is asked for.
type credential struct {
	database

	name    string
	scopes  string
	expires time.Duration
	signed  bool
	secret  secret.String
}

// makeToken makes one and prints it and nothing else.
func makeToken() *command {
	var o credential
	return &command{
		name:  "token",
		short: "make an API key, or sign a token for an operator, and print it",
		long: `An API key is made in the database, which keeps a digest of it: what is printed is
shown this once. With -jwt a token is signed with the JWT secret, which needs no
database; it is good for everything and cannot be taken back.

  postrider token -name ci -scopes publish -expires 720h
  postrider token -jwt`,
		flags: o.flags,
		run:   o.run,
	}
}

func (o *credential) flags(fs *flag.FlagSet) {
	o.database.flags(fs)
	fs.StringVar(&o.name, "name", "made by token", "`name` of the key, for people")
	fs.StringVar(&o.scopes, "scopes", token.Admin, "`scopes` of the key, joined by commas: "+strings.Join(token.Scopes(), ", "))
	fs.DurationVar(&o.expires, "expires", 0, "how long it is good for; 0: a key for ever, a signed token for ten years")
	fs.BoolVar(&o.signed, "jwt", false, "sign a token instead")
	fs.Var(&o.secret, "jwt-secret", "`secret` that signs tokens of operators and applications")
}

func (o *credential) validate() error {
	var faults []error
	if o.expires < 0 {
		faults = append(faults, fmt.Errorf("expires is %s: must not be below 0", o.expires))
	}
	switch {
	case o.signed && o.secret.IsZero():
		faults = append(faults, notSet("jwt-secret"))
	case o.signed && len(o.secret.Reveal()) < token.MinSecret:
		faults = append(faults, fmt.Errorf("jwt-secret is too short: must be at least %d bytes", token.MinSecret))
	case !o.signed:
		faults = append(faults, o.database.validate())
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
func (o *credential) run(ctx context.Context, c *call) error {
	if err := o.validate(); err != nil {
		return err
	}
	issue := o.makeKey
	if o.signed {
		issue = o.sign
	}
	text, err := issue(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.out, text); err != nil {
		return fmt.Errorf("print token: %w", err)
	}
	return nil
}

func (o *credential) sign(context.Context) (string, error) {
	life := o.expires
	if life == 0 {
		life = forYears
	}
	return token.NewSecret(o.secret.Reveal()).SignOperator(time.Now().Add(life))
}

func (o *credential) makeKey(ctx context.Context) (string, error) {
	db, err := o.open(ctx, 1)
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
	return text.Reveal(), db.CreateAPIKey(ctx, &made, key.Digest[:])
}
