package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// rights are what keeps the processes of a stack apart: a user of NATS and a role of
// PostgreSQL for each. The zero value is one token, and one role, for all.
type rights struct {
	folder string // with nats/users.conf and postgres/roles.sql; empty: none
	token  string // the password of all users and roles, who differ in what they may
}

const (
	usersFile     = "users.conf"
	passwordsFile = "passwords.conf"
	rolePrefix    = "postrider_"
)

func newRights(folder string) rights { return rights{folder: folder, token: rand.Text()} }

func (r rights) none() bool { return r.folder == "" }

// natsUser is whom a process is to NATS. Processes of one stage are one.
func (r rights) natsUser(process string) *url.Userinfo {
	if r.none() {
		return url.User(r.token)
	}
	return url.UserPassword(stageOf(process), r.token)
}

// authorization is what the configuration of a nats-server says of users.
func (r rights) authorization() string {
	if r.none() {
		return fmt.Sprintf("authorization { token: %q }\n", r.token)
	}
	return fmt.Sprintf("include %q\n", usersFile)
}

// writeUsers puts the users and their passwords beside the configurations.
func (r rights) writeUsers(dir string) error {
	if r.none() {
		return nil
	}
	users, err := os.ReadFile(filepath.Join(r.folder, "nats", usersFile))
	if err != nil {
		return fmt.Errorf("read NATS users: %w", err)
	}
	names, err := os.ReadFile(filepath.Join(r.folder, "nats", passwordsFile))
	if err != nil {
		return fmt.Errorf("read passwords of NATS users: %w", err)
	}
	// As its operator would do it.
	passwords := strings.ReplaceAll(strings.ReplaceAll(string(names), "# POSTRIDER_", "POSTRIDER_"), "''", "'"+r.token+"'")
	for name, text := range map[string]string{usersFile: string(users), passwordsFile: passwords} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write NATS users: %w", err)
		}
	}
	return nil
}

// makeRoles makes the roles in the database, with passwords.
func (r rights) makeRoles(ctx context.Context, d *database) error {
	if r.none() {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(r.folder, "postgres", "roles.sql"))
	if err != nil {
		return fmt.Errorf("read roles: %w", err)
	}
	var script strings.Builder
	script.Write(text)
	for _, role := range append(Stages(), "api", "read") {
		fmt.Fprintf(&script, "ALTER ROLE %s%s PASSWORD '%s';\n", rolePrefix, role, r.token)
	}
	return d.last().Execute(ctx, script.String())
}

// as is the URL of the database for one of the roles.
func (r rights) as(role, database string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", fmt.Errorf("parse URL of %s: %w", Postgres, err)
	}
	if !r.none() {
		u.User = url.UserPassword(rolePrefix+role, r.token)
	}
	return u.String(), nil
}

// bootstrap are the settings by which the bootstrap step gives the roles their rights.
func (r rights) bootstrap() []string {
	if r.none() {
		return nil
	}
	return []string{"POSTRIDER_DATABASE_ROLES=" + rolePrefix}
}

// stageOf is the stage that a process is of.
func stageOf(process string) string {
	stage, _, _ := strings.Cut(process, "-")
	return stage
}
