package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// rolePrefix begins the names of the roles of PostgreSQL that have passwords made.
const rolePrefix = "postrider_"

// madeDir is where secrets are that were made; what is in the folders beside it is
// written from them.
const madeDir = "made"

// installation is whose secrets are made.
type installation struct {
	dir      string
	nats     string // host:port, joined by commas
	database string // host:port/name
	readable bool
}

// secrets makes the secrets of an installation, each for whom it is for.
func secrets() *command {
	var i installation
	return &command{
		name:  "secrets",
		short: "make the secrets that are missing, a folder for each process",
		long: `Passwords of NATS and PostgreSQL, the keys that secrets in the database are sealed
with, and the secret that signs tokens are made once and kept in DIR/made. A folder
beside it for each stage, for NATS, for PostgreSQL and for tools has what that one
needs, as files that variables ending in _FILE may name: DIR/ingest/nats-url and so on.
Those are written again when they differ, those in made are never changed: run it at
every start. It is what the compose file does.

  postrider secrets -dir /etc/postrider -nats nats:4222 -database db:5432/postrider`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&i.dir, "dir", "", "`folder` of the secrets")
			fs.StringVar(&i.nats, "nats", "127.0.0.1:4222", "`addresses` of the NATS servers, joined by commas")
			fs.StringVar(&i.database, "database", "127.0.0.1:5432/postrider", "`address` and name of the database")
			fs.BoolVar(&i.readable, "readable", false, "let every user of the system read them: for folders that only those reach who are to, such as volumes of containers")
		},
		run: func(_ context.Context, c *call) error {
			if i.dir == "" {
				return notSet("dir")
			}
			made, err := i.write()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.out, "%d secrets made; all are in %s\n", made, i.dir)
			return err
		},
	}
}

// write makes what is missing and says how many secrets that were.
func (i *installation) write() (made int, err error) {
	v := &vault{dir: i.dir, file: 0o600, folder: 0o700}
	if i.readable {
		v.file, v.folder = 0o644, 0o755
	}
	owner := i.databaseURL("postrider", v.password("postgres-owner"))
	var passwords, users strings.Builder
	fmt.Fprintf(&passwords, "ALTER ROLE postrider PASSWORD '%s';\n", v.password("postgres-owner"))
	databases := make(map[string]string)
	for _, role := range store.Roles(rolePrefix) {
		name := strings.TrimPrefix(role, rolePrefix)
		password := v.password("postgres-" + name)
		fmt.Fprintf(&passwords, "ALTER ROLE %s PASSWORD '%s';\n", role, password)
		databases[name] = i.databaseURL(role, password)
	}
	v.give("postgres", "passwords.sql", passwords.String())
	v.give("postgres", "password", v.password("postgres"))

	for _, user := range bus.Users(1) {
		password := v.password("nats-" + user.Name)
		fmt.Fprintf(&users, "POSTRIDER_NATS_%s: '%s'\n", strings.ToUpper(user.Name), password)
		if database, isStage := databases[user.Name]; isStage {
			v.give(user.Name, "database-url", database)
			v.give(user.Name, "nats-url", i.natsURL(user.Name, password))
		} else {
			v.give("tools", "nats-url-"+user.Name, i.natsURL(user.Name, password))
		}
	}
	v.give("nats", "passwords.conf", users.String())

	v.give("bootstrap", "nats-url", i.natsURL("bootstrap", v.password("nats-bootstrap")))
	v.give("bootstrap", "database-url", owner)
	v.give("tools", "database-url", owner)
	v.give("tools", "database-url-read", databases["read"])
	v.give("ingest", "api-database-url", databases["api"])
	v.give("grafana", "password", v.password("grafana"))

	signing := v.secret("jwt-secret", rand.Text)
	keys := v.secret("secret-keys", func() string { return secret.NewKey("first").Reveal() })
	v.give("ingest", "jwt-secret", signing)
	v.give("tools", "jwt-secret", signing)
	for _, who := range []string{"ingest", "deliver", "tools"} {
		v.give(who, "secret-keys", keys)
	}
	return v.made, v.err
}

func (i *installation) databaseURL(role, password string) string {
	host, name, _ := strings.Cut(i.database, "/")
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: host, Path: "/" + name}
	return u.String()
}

func (i *installation) natsURL(user, password string) string {
	var all []string
	for address := range strings.SplitSeq(i.nats, ",") {
		u := url.URL{Scheme: "nats", User: url.UserPassword(user, password), Host: strings.TrimSpace(address)}
		all = append(all, u.String())
	}
	return strings.Join(all, ",")
}

// vault keeps secrets in files. After its first error it does nothing.
type vault struct {
	dir          string
	file, folder fs.FileMode
	made         int
	err          error
}

// plain are passwords that mean the same in a URL, in SQL and in a configuration of NATS.
var plain = regexp.MustCompile(`^[0-9A-Za-z_-]+$`) //nolint:gochecknoglobals // constant

// password is a secret that goes into files of several languages.
func (v *vault) password(name string) string {
	text := v.secret(name, rand.Text)
	if v.err == nil && !plain.MatchString(text) {
		v.err = fmt.Errorf("%s: must be letters, digits, - and _", filepath.Join(v.dir, madeDir, name))
	}
	return text
}

// secret returns what is kept under the name, and makes it where there is none.
func (v *vault) secret(name string, fresh func() string) string {
	if v.err != nil {
		return ""
	}
	path := filepath.Join(v.dir, madeDir, name)
	kept, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		v.made++
		v.put(path, fresh(), keepFirst)
		kept, err = os.ReadFile(path)
	}
	if v.err == nil && err != nil {
		v.err = fmt.Errorf("read %s: %w", name, err)
	}
	return strings.TrimSpace(string(kept))
}

// keepFirst moves a file to its place unless one is there: of two that make the same
// secret at the same time, both get that of the first.
func keepFirst(from, to string) error {
	if err := os.Link(from, to); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// give writes what somebody needs into a folder of theirs, unless it is there.
func (v *vault) give(who, name, text string) {
	if v.err != nil {
		return
	}
	path := filepath.Join(v.dir, who, name)
	if kept, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(kept)) != strings.TrimSpace(text) {
		v.put(path, text, os.Rename)
	}
}

// put makes a file whole or not at all: beside its place first, and then into it.
func (v *vault) put(path, text string, move func(from, to string) error) {
	if v.err != nil {
		return
	}
	if err := v.write(path, text, move); err != nil {
		v.err = fmt.Errorf("write %s: %w", path, err)
	}
}

func (v *vault) write(path, text string, move func(from, to string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), v.folder); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // where it was not moved
	defer file.Close()
	_, err = file.WriteString(strings.TrimSpace(text) + "\n")
	if err := errors.Join(err, file.Chmod(v.file), file.Sync()); err != nil {
		return err
	}
	return move(file.Name(), path)
}
