package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// ledger is a system under load whose NATS server loses what it has, with an
// endpoint of each kind that keeps its deliveries somewhere else.
type ledger struct {
	*stack.Stack

	t        *testing.T
	client   *client
	receiver *receiver
	producer *producer
	paused   string
}

const everyTenth = 10

func newLedger(t *testing.T, o stack.Options) *ledger {
	t.Helper()
	o.Env = append(o.Env, "POSTRIDER_RETRY_SCHEDULE=1s,1s,2s,2s,5s,5s,5s,5s")
	l := &ledger{t: t, Stack: startStackOf(t, o)}
	l.client = system{l.URL, l.Token}.client(t)
	l.receiver = newReceiver(t, func(path string, n int) int {
		if path == "/fails" && n%everyTenth == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	ids := l.client.application(t, "lossy", l.receiver.URL+"/works", l.receiver.URL+"/fails", l.receiver.URL+"/paused")
	l.paused = ids[2]
	l.client.must(t, http.StatusOK, http.MethodPost, "/app/lossy/endpoint/"+l.paused+"/pause", nil)
	l.client.must(t, http.StatusCreated, http.MethodPost, "/app/lossy/endpoint", map[string]any{"url": l.receiver.URL + "/ordered", "ordered": true})
	l.producer = produce(t, l.client, "lossy", 8)
	return l
}

// folder is where the NATS server has its streams.
func (l *ledger) folder() string { return filepath.Join(filepath.Dir(l.Log(stack.NATS)), stack.NATS) }

// lose kills the server, does something to its folder, and starts it again.
func (l *ledger) lose(change func()) {
	l.t.Helper()
	ctx := testkit.Context(l.t)
	require.NoError(l.t, l.Kill(ctx, stack.NATS))
	change()
	require.NoError(l.t, l.StartProcess(ctx, stack.NATS))
}

// settle stops the producer and requires that everything has arrived everywhere.
func (l *ledger) settle() {
	l.t.Helper()
	l.producer.more(testkit.Context(l.t), 200)
	accepted := l.producer.finish()
	ended := time.Now()
	l.client.must(l.t, http.StatusOK, http.MethodPost, "/app/lossy/endpoint/"+l.paused+"/resume", nil)
	for _, path := range []string{"/works", "/paused", "/ordered", "/fails"} {
		testkit.Eventually(l.t, func() bool {
			times := l.receiver.times(path)
			return !slices.ContainsFunc(accepted, func(id string) bool { return times[id] == 0 })
		}, "all %d accepted events arrive at %s", len(accepted), path)
		l.t.Logf("%s: complete %s after the last was accepted", path, time.Since(ended).Round(100*time.Millisecond))
	}
	// Every failure is followed by another attempt, in the end by one that succeeds.
	testkit.Eventually(l.t, func() bool { return l.receiver.succeeded("/fails") >= len(accepted) }, "and succeed where some fail")
	for _, path := range []string{"/works", "/paused"} {
		twice := 0
		for _, n := range l.receiver.times(path) {
			twice += n - 1
		}
		l.t.Logf("%s: %d accepted, %d came twice", path, len(accepted), twice)
		require.Less(l.t, twice, len(accepted)/20, "what was delivered before is not delivered again at %s", path)
	}
}

// TestJetStreamWiped deletes all that JetStream has, under load, and starts it empty;
// and once more while nobody watches.
func TestJetStreamWiped(t *testing.T) {
	t.Parallel()
	l := newLedger(t, stack.Options{})
	ctx := testkit.Context(t)
	l.producer.more(ctx, 200)
	l.lose(func() { require.NoError(t, os.RemoveAll(l.folder())) })
	l.producer.more(ctx, 200)
	require.NoError(t, l.Kill(ctx, "dlq"))
	l.lose(func() { require.NoError(t, os.RemoveAll(l.folder())) })
	l.producer.more(ctx, 100)
	require.NoError(t, l.StartProcess(ctx, "dlq"), "it is ready when it has made the streams again")
	l.settle()
}

// TestJetStreamPutBack puts the folder of JetStream back to what it was some time
// ago, under load.
func TestJetStreamPutBack(t *testing.T) {
	t.Parallel()
	l := newLedger(t, stack.Options{})
	ctx := testkit.Context(t)
	l.producer.more(ctx, 200)
	copied := filepath.Join(t.TempDir(), "nats")
	l.lose(func() { require.NoError(t, os.CopyFS(copied, os.DirFS(l.folder()))) })
	l.producer.more(ctx, 400)
	l.lose(func() {
		require.NoError(t, os.RemoveAll(l.folder()))
		require.NoError(t, os.CopyFS(l.folder(), os.DirFS(copied)))
	})
	l.settle()
}
