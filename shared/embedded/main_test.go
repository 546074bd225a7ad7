package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// ownerVariable makes the test program the owner of a database server on the
// named folder, to be killed by a test.
const ownerVariable = "EMBEDDED_TEST_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		runOwner(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// runOwner starts a server, says so and waits to be killed.
func runOwner(dir string) {
	p, err := StartPostgres(context.Background(), PostgresOptions{DataDir: dir, NoFsync: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Pid(), p.URL())
	<-p.Done()
}

// testTimeout is generous: it ends what hangs, not what is slow.
const testTimeout = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// start runs a server on dir until the test ends or stops it.
func start(t *testing.T, dir string) *Postgres {
	t.Helper()
	ctx := testContext(t)
	p, err := StartPostgres(ctx, PostgresOptions{DataDir: dir, NoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// dataDir returns a folder that is yet to be made, where every user may go: Go
// closes the folder of a test to all but ours.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "data")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx := testContext(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) }) // its server may be gone by then
	return conn
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := connect(t, url).Exec(testContext(t), sql); err != nil {
		t.Fatal(err)
	}
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	var value T
	if err := connect(t, url).QueryRow(testContext(t), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
