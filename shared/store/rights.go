package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrNoRole is returned by Grant when a role is not there.
var ErrNoRole = errors.New("role does not exist: make it first (deploy/postgres/roles.sql)")

// The roles that there are beside the owner of the tables, who makes and changes
// them: one for each stage, one for the API, whose queries serve single tenants, and
// one that looks. Their names in the database begin with a prefix.
var roles = [...]string{"api", "ingest", "fanout", "deliver", "retry", "dlq", "read"} //nolint:gochecknoglobals // constant

// Roles lists the names of all roles.
func Roles(prefix string) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = prefix + r
	}
	return names
}

// grants say what each role may do with each table, in the order of roles and with
// the letters of psql: r SELECT, a INSERT, w UPDATE, d DELETE, and v for UPDATE of
// the column version, which triggers do. Whoever locks a row must be able to update
// it. What belongs to a tenant says by which column. A table that is not here is
// nobody's, and a test asks for its row.
//
// Partitions need no rights of their own: they are reached through their tables.
var grants = []struct { //nolint:gochecknoglobals // constant
	table, tenant string
	rights        [len(roles)]string
}{
	//                                        api     ingest  fanout  deliver retry   dlq     read
	{"tenants", "id", [...]string{ /*      */ "raw", "r", "r", "rv", "", "r", "r"}},
	{"endpoints", "tenant_id", [...]string{ /**/ "raw", "r", "r", "rw", "", "r", "r"}},
	{"endpoint_secrets", "tenant_id", [...]string{"rawd", "", "r", "r", "", "", ""}}, // fanout reads tenants as deliver does
	{"endpoint_credentials", "tenant_id", [...]string{"rawd", "", "r", "r", "", "", ""}},
	{"secret_keys", "", [...]string{"raw", "r", "r", "r", "r", "r", ""}},
	{"endpoint_failures", "tenant_id", [...]string{"rd", "", "", "rawd", "", "", "r"}},
	{"endpoint_breakers", "tenant_id", [...]string{"rd", "", "r", "rawd", "", "", "r"}},
	{"event_types", "", [...]string{"rawd", "", "r", "r", "", "", "r"}},
	{"events", "tenant_id", [...]string{"raw", "raw", "", "ra", "", "rw", "r"}},
	{"event_keys", "tenant_id", [...]string{"ra", "ra", "", "ra", "", "", ""}},
	{"request_keys", "", [...]string{"ra", "", "", "", "", "", ""}},
	{"batches", "tenant_ids", [...]string{"ra", "raw", "", "ra", "", "raw", "r"}},
	{"attempts", "tenant_id", [...]string{"rw", "r", "", "ra", "", "r", "r"}},
	{"activity", "tenant_id", [...]string{"r", "rawd", "", "", "", "", "r"}},
	{"activity_counted", "", [...]string{"r", "raw", "", "", "", "", "r"}},
	{"dead_letters", "tenant_id", [...]string{"rd", "", "", "r", "", "rawd", "r"}},
	{"letters_taken", "tenant_id", [...]string{"ra", "rd", "", "", "", "ra", "r"}},
	{"tasks", "tenant_id", [...]string{"raw", "rd", "", "", "", "rw", "r"}},
	{"api_keys", "", [...]string{"rawd", "rw", "", "", "", "", ""}},
	{"revocations", "tenant_id", [...]string{"ra", "rd", "", "", "", "", ""}},
	{"poll_consumers", "tenant_id", [...]string{"raw", "rd", "", "", "", "", "r"}},
	{"archive_parts", "", [...]string{"", "rad", "", "", "", "", "r"}},
	{"stream_marks", "", [...]string{"", "", "", "", "", "rawd", "r"}},
	{"stream_floors", "", [...]string{"", "", "", "", "", "rawd", "r"}},
	{"overdue_looks", "", [...]string{"", "", "", "", "", "raw", "r"}},
	{"nats_servers", "", [...]string{"", "rawd", "raw", "raw", "raw", "raw", "r"}},
	{"reconciliations", "", [...]string{"", "rd", "r", "r", "r", "raw", "r"}},
	{"layout", "", [...]string{"", "r", "r", "r", "r", "r", "r"}},
	{"goose_db_version", "", [...]string{"r", "r", "r", "r", "r", "r", "r"}},
	{"schema_compatibility", "", [...]string{"r", "r", "r", "r", "r", "r", "r"}},
}

// keepers are the functions that make and drop what is kept by the day, and who may
// call them.
const (
	keepers = `make_day(text, date), drop_day(text, date), retire_day(text, date), retire_dead_letters(date)`
	keeper  = "ingest"
)

// Grant gives the roles whose names begin with prefix what they need, takes from them
// what they do not, and binds the role of the API to the tenant that it serves (see
// ForTenant). The roles must be there (ErrNoRole); the caller is the owner of the
// tables. It may be repeated at any time, and is after each migration: tables that
// are new have no rights before. Stages go on meanwhile.
func (s *Store) Grant(ctx context.Context, prefix string) error {
	if err := s.rolesExist(ctx, prefix); err != nil {
		return err
	}
	all := joined(Roles(prefix))
	var schema string
	if err := s.db.QueryRow(ctx, `SELECT quote_ident(current_schema())`).Scan(&schema); err != nil {
		return fmt.Errorf("find schema: %w", err)
	}
	err := s.inTurn(ctx,
		`GRANT USAGE ON SCHEMA `+schema+` TO `+all,
		`REVOKE ALL ON FUNCTION `+keepers+` FROM `+all,
		`GRANT EXECUTE ON FUNCTION `+keepers+` TO `+pgx.Identifier{prefix + keeper}.Sanitize())
	if err != nil {
		return fmt.Errorf("grant functions: %w", err)
	}
	for _, g := range grants {
		statements := []string{`REVOKE ALL ON ` + g.table + ` FROM ` + all}
		for i, letters := range g.rights {
			if letters != "" {
				statements = append(statements, `GRANT `+privileges(letters)+` ON `+g.table+` TO `+pgx.Identifier{prefix + roles[i]}.Sanitize())
			}
		}
		if err := s.inTurn(ctx, statements...); err != nil {
			return fmt.Errorf("grant rights to %s: %w", g.table, err)
		}
		if err := s.fenceOff(ctx, g.table, g.tenant, prefix); err != nil {
			return fmt.Errorf("bind %s to tenants: %w", g.table, err)
		}
	}
	return nil
}

func (s *Store) rolesExist(ctx context.Context, prefix string) error {
	rows, err := s.db.Query(ctx, `SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)`, Roles(prefix))
	if err != nil {
		return fmt.Errorf("look for roles: %w", err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for roles: %w", err)
	}
	for _, name := range Roles(prefix) {
		if !slices.Contains(there, name) {
			return fmt.Errorf("%s: %w", name, ErrNoRole)
		}
	}
	return nil
}

// inTurn executes statements in one transaction: nobody sees what is between them.
func (s *Store) inTurn(ctx context.Context, statements ...string) error {
	return s.transact(ctx, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// privileges spells out the letters of grants.
func privileges(letters string) string {
	words := map[rune]string{'r': "SELECT", 'a': "INSERT", 'w': "UPDATE", 'd': "DELETE", 'v': "UPDATE (version)"}
	var all []string
	for _, letter := range letters {
		all = append(all, words[letter])
	}
	return strings.Join(all, ", ")
}

// joined writes names of roles as SQL does.
func joined(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = pgx.Identifier{name}.Sanitize()
	}
	return strings.Join(all, ", ")
}
