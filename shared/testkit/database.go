package testkit

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/embedded"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// template is the database that those of all tests are copied from: migrating
// once and copying is quicker than migrating each.
const template = "template_postrider"

// connections of a test's pool: enough for every stage in one process, few
// enough for tests in parallel.
const connections = 6

// Store returns a store on a fresh migrated database of the test's own.
func Store(t testing.TB) *store.Store {
	t.Helper()
	return Open(t, Database(t))
}

// Open returns a store on the database at url.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Keyed returns a store on the database at url that has these keys, of which the first
// one seals.
func Keyed(t testing.TB, url string, keys ...secret.String) *store.Store {
	t.Helper()
	var text strings.Builder
	for _, key := range keys {
		text.WriteString(key.Reveal() + "\n")
	}
	ring, err := secret.ParseRing(secret.New(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	s := Open(t, url)
	s.UseKeys(ring)
	return s
}

// Database returns the URL of a fresh migrated database of the test's own.
func Database(t testing.TB) string {
	t.Helper()
	return makeDatabase(t, template)
}

// EmptyDatabase returns the URL of a fresh database that nothing has migrated.
func EmptyDatabase(t testing.TB) string {
	t.Helper()
	return makeDatabase(t, "template1")
}

func makeDatabase(t testing.TB, from string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	shared.Lock()
	defer shared.Unlock()
	if err := startShared(ctx); err != nil {
		t.Fatal(err)
	}
	shared.made++
	name := fmt.Sprintf("test_%d", shared.made)
	if err := admin(ctx, `CREATE DATABASE `+name+` TEMPLATE `+from); err != nil {
		t.Fatal(err)
	}
	return databaseURL(name)
}

// startShared starts the server of this test binary, if it does not run yet.
// The caller holds the lock.
func startShared(ctx context.Context) error {
	if shared.server != nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "postrider-test-")
	if err != nil {
		return fmt.Errorf("make test directory: %w", err)
	}
	shared.dir = dir
	if shared.server, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{DataDir: dir, NoFsync: true}); err != nil {
		return err
	}
	if err := admin(ctx, `CREATE DATABASE `+template); err != nil {
		return err
	}
	s, err := store.Open(ctx, databaseURL(template), 2)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	for _, role := range store.Roles(rolePrefix) {
		if err := admin(ctx, `CREATE ROLE `+role+` LOGIN PASSWORD '`+rolePassword+`'`); err != nil {
			return err
		}
	}
	return s.Grant(ctx, rolePrefix)
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return os.RemoveAll(shared.dir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := shared.server.Stop(ctx); err != nil {
		return err
	}
	return os.RemoveAll(shared.dir)
}

// admin runs one statement on the server's own database.
func admin(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, shared.server.URL())
	if err != nil {
		return fmt.Errorf("connect to test database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("prepare test database: %w", err)
	}
	return nil
}

func databaseURL(name string) string {
	u, err := url.Parse(shared.server.URL())
	if err != nil {
		panic(err) // embedded made it
	}
	u.Path = "/" + name
	return u.String()
}
