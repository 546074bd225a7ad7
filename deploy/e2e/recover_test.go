package e2e

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestKilledRecoverFinishes kills dlq again and again while it recovers an
// endpoint, each time when a part is on the stream and not committed, and once
// deliver in the middle of its calls. The task must come to its end, with each
// message sent once, or twice where deliver was killed between a call and its
// record. E2E_RECOVER=10000 is how many messages, 2,000 by default.
func TestKilledRecoverFinishes(t *testing.T) {
	t.Parallel()
	total, kills := 2000, 3
	if set := os.Getenv("E2E_RECOVER"); set != "" {
		var err error
		total, err = strconv.Atoi(set)
		require.NoError(t, err)
	}
	s := startStack(t, "POSTRIDER_BREAKER_AFTER=0") // or what failed would wait for the endpoint, and not be dead
	c := system{s.URL, s.Token}.client(t)
	var works atomic.Bool
	r := newReceiver(t, func(string, int) int {
		if !works.Load() {
			return http.StatusInternalServerError
		}
		time.Sleep(5 * time.Millisecond) // so that attempts are in flight when deliver is killed
		return http.StatusOK
	})
	began := time.Now()
	endpoint := "/app/recover/endpoint/" + c.application(t, "recover", r.URL+"/hook")[0]
	c.must(t, http.StatusOK, http.MethodPatch, endpoint, map[string]any{"retrySchedule": []string{}})
	bury(t, c, endpoint, total)
	dead := r.times("/hook")
	require.Len(t, dead, total)

	works.Store(true)
	tasks := holdTasks(t, s)
	task := c.must(t, http.StatusAccepted, http.MethodPost, endpoint+"/recover", map[string]any{"since": began.Add(-time.Minute)})
	progress := func() (status string, done int) {
		got := c.must(t, http.StatusOK, http.MethodGet, "/background-task/"+task["id"].(string), nil)
		return got["status"].(string), int(got["data"].(map[string]any)["done"].(float64))
	}
	recovering := time.Now()
	ctx := testkit.Context(t)
	for kill := 1; kill <= kills; kill++ {
		var done int
		for ; ; tasks.next(ctx) {
			tasks.wait()
			if _, done = progress(); done >= total*kill/(kills+1) {
				break
			}
		}
		require.Less(t, done, total, "it is in the middle")
		t.Logf("dlq is killed at %d of %d", done, total)
		if kill == 1 {
			testkit.Eventually(t, func() bool { return r.count("/hook") >= total+total/20 }, "deliver is at work")
			restartKilled(ctx, t, s, "deliver")
		}
		require.NoError(t, s.Kill(ctx, "dlq"))
		tasks.next(ctx) // what was held rolls back: nobody is there to commit it
		require.NoError(t, s.StartProcess(ctx, "dlq"))
	}
	tasks.release(ctx)
	testkit.Eventually(t, func() bool { status, _ := progress(); return status == "finished" }, "the task is finished")
	testkit.Eventually(t, func() bool { return r.count("/hook") >= 2*total }, "what was recovered arrives")
	testkit.Eventually(t, func() bool { return r.recovered(dead) == total }, "every message")

	data := c.must(t, http.StatusOK, http.MethodGet, "/background-task/"+task["id"].(string), nil)["data"].(map[string]any)
	require.Equal(t, map[string]any{"done": float64(total), "total": float64(total), "messagesSent": float64(total)}, data)
	require.Zero(t, lettersAt(t, c, endpoint))
	doubles := 0
	for id, n := range r.times("/hook") {
		require.Contains(t, dead, id)
		again := n - dead[id]
		require.True(t, again == 1 || again == 2, "event %s was sent %d times", id, again)
		doubles += again - 1
	}
	t.Logf("%d messages recovered in %.1f s with %d kills of dlq and one of deliver; %d were sent twice",
		total, time.Since(recovering).Seconds(), kills, doubles)
}

// bury posts messages that die at once, and waits until they are dead.
func bury(t *testing.T, c *client, endpoint string, total int) {
	t.Helper()
	for left := total; left > 0; left -= 1000 {
		messages := make([]any, min(left, 1000))
		for i := range messages {
			messages[i] = map[string]any{"eventType": "test.happened", "payload": map[string]any{"n": left - i}}
		}
		c.must(t, http.StatusOK, http.MethodPost, "/app/recover/msg/batch?with_content=false", map[string]any{"messages": messages})
		testkit.Eventually(t, func() bool { return lettersAt(t, c, endpoint) >= total-left+len(messages) }, "%d dead letters", total-left+len(messages))
	}
}

func lettersAt(t *testing.T, c *client, endpoint string) int {
	t.Helper()
	return int(c.must(t, http.StatusOK, http.MethodGet, endpoint+"/dlq/count", nil)["total"].(float64))
}

// recovered counts the messages that arrived more often than they had before.
func (r *receiver) recovered(before map[string]int) (n int) {
	for id, times := range r.times("/hook") {
		if times > before[id] {
			n++
		}
	}
	return n
}

func restartKilled(ctx context.Context, t *testing.T, s *stack.Stack, name string) {
	t.Helper()
	require.NoError(t, s.Kill(ctx, name))
	require.NoError(t, s.StartProcess(ctx, name))
}

// turnstile lets tasks go on part by part. A part waits in it after it was handed
// out and before it is committed, which is the worst moment to die.
type turnstile struct {
	t    *testing.T
	url  string
	conn *pgx.Conn
}

// holdTasks puts a turnstile into the database, and closes it.
func holdTasks(t *testing.T, s *stack.Stack) *turnstile {
	t.Helper()
	h := &turnstile{t, s.DatabaseURL, testkit.SQL(t, s.DatabaseURL)}
	h.do(t.Context(), `
		CREATE FUNCTION turnstile() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
		CREATE TRIGGER turnstile BEFORE UPDATE OF done ON tasks FOR EACH ROW EXECUTE FUNCTION turnstile();
		SELECT pg_advisory_lock(1)`)
	return h
}

func (h *turnstile) do(ctx context.Context, sql string) {
	h.t.Helper()
	_, err := h.conn.Exec(ctx, sql)
	require.NoError(h.t, err)
}

// wait waits until a part is at the turnstile.
func (h *turnstile) wait() {
	h.t.Helper()
	testkit.Eventually(h.t, func() bool {
		return testkit.Value[int](h.t, h.url, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted`) > 0
	}, "a part is at the turnstile")
}

// next lets at least one part through.
func (h *turnstile) next(ctx context.Context) {
	h.t.Helper()
	h.release(ctx)
	h.do(ctx, `SELECT pg_advisory_lock(1)`)
}

// release opens the turnstile.
func (h *turnstile) release(ctx context.Context) {
	h.t.Helper()
	h.do(ctx, `SELECT pg_advisory_unlock(1)`)
}
