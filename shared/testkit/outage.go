package testkit

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// SQL returns a connection to the database at url, for what no method of the
// store does.
func SQL(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Value returns what a query for one value finds in the database at url.
func Value[T any](t testing.TB, url, query string, args ...any) (value T) {
	t.Helper()
	ctx := context.Background() // also in a test's cleanup
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, query, args...).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Outage takes the database at url away: its connections end and no new ones are
// made until the returned function is called, or the test ends.
func Outage(t testing.TB, url string) (end func()) {
	t.Helper()
	end = Refuse(t, url)
	name := databaseName(t, url)
	Eventually(t, func() bool {
		return Value[int](t, shared.server.URL(), `
			SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1) AS ended`, name) == 0
	}, "all connections to %s have ended", name)
	return end
}

// Refuse lets no new connections to the database at url be made until the
// returned function is called, or the test ends. Those that there are go on.
func Refuse(t testing.TB, url string) (end func()) {
	t.Helper()
	name := databaseName(t, url)
	allow(t, name, false)
	end = sync.OnceFunc(func() { allow(t, name, true) })
	t.Cleanup(end)
	return end
}

func allow(t testing.TB, database string, connections bool) {
	t.Helper()
	word := "false"
	if connections {
		word = "true"
	}
	if err := admin(context.Background(), `ALTER DATABASE `+database+` ALLOW_CONNECTIONS `+word); err != nil {
		t.Error(err)
	}
}

func databaseName(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
