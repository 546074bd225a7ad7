// Package testkit gives tests the real parts: a PostgreSQL server from the
// binaries installed on this machine, one a test binary, with a fresh migrated
// database for each test; a nats-server for each test that asks; and the whole
// of Postrider as separate processes.
package testkit

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/shared/embedded"
)

const startTimeout = 2 * time.Minute // a loaded machine, and the disk of a shared one

// shared is the database server of this test binary, started by whichever test
// needs it first. A test binary is one process, and this its one global.
var shared struct { //nolint:gochecknoglobals // see above
	sync.Mutex
	dir    string
	server *embedded.Postgres
	made   int // databases
}

// Main runs the tests of a package, stops the database server if one of them
// started it, and fails when a goroutine is left over. Every package that uses
// the testkit has
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
func Main(m *testing.M) {
	os.Exit(Run(m)) //nolint:revive // it is what TestMain consists of
}

// Run is Main for packages that have something to clean up themselves: it
// returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "testkit: goroutines left over:", err)
			code = 1
		}
	}
	return code
}

// Log returns a logger that writes to the test's own output.
func Log(t testing.TB) zerolog.Logger {
	t.Helper()
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
}

// Context returns a context that ends when the test has used three minutes,
// so that what hangs is told with a reason.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), 3*time.Minute, fmt.Errorf("%s took over three minutes", t.Name()))
	t.Cleanup(cancel)
	return ctx
}

// Eventually waits until ok returns true. It fails the test with the message
// after a minute: long enough for any machine, since nothing is timed by
// it.
func Eventually(t testing.TB, ok func() bool, message string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: "+message, args...)
}

// Receive waits for the next value of a channel, as long as Context has time.
func Receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-Context(t).Done():
		t.Fatal("nothing came")
		panic("not reached")
	}
}
