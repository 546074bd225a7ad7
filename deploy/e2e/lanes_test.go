package e2e

import (
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestOwnLaneOutlivesItsWorkers works off what waited for a paused endpoint with
// two deliver processes, each of which goes in the middle, one way or another, and
// comes back. Every event arrives; twice does only what one that died had in flight
// or not yet recorded.
func TestOwnLaneOutlivesItsWorkers(t *testing.T) {
	t.Parallel()
	const (
		backlog  = 600
		inFlight = 16 // at an endpoint, at most

		// What is made meanwhile, on a machine that takes as long to record as the
		// endpoint does to answer, and longer.
		unrecorded = 3 * inFlight
	)
	for name, c := range map[string]struct {
		leave  func(t *testing.T, s *workers, worker string)
		repeat int
	}{
		"stopped": {func(t *testing.T, s *workers, worker string) {
			t.Helper()
			require.NoError(t, s.Signal(worker, syscall.SIGTERM))
			code, err := s.Wait(testkit.Context(t), worker)
			require.NoError(t, err)
			require.Zero(t, code)
			require.NoError(t, s.StartProcess(testkit.Context(t), worker))
		}, 0},
		"killed": {func(t *testing.T, s *workers, worker string) {
			t.Helper()
			require.NoError(t, s.Kill(testkit.Context(t), worker))
			require.NoError(t, s.StartProcess(testkit.Context(t), worker))
		}, 2 * (inFlight + unrecorded)},
		"frozen": {func(t *testing.T, s *workers, worker string) {
			t.Helper()
			require.NoError(t, s.Signal(worker, syscall.SIGSTOP))
			arrived := len(s.receiver.at("/hook"))
			testkit.Eventually(t, func() bool { return len(s.receiver.at("/hook")) > arrived+2*inFlight }, "the other goes on")
			require.NoError(t, s.Signal(worker, syscall.SIGCONT))
		}, 2 * (inFlight + unrecorded)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWorkers(t, 2)
			ctx := testkit.Context(t)
			client := system{s.URL, s.Token}.client(t)
			endpoint := client.application(t, "lanes", s.receiver.URL+"/hook")[0]
			client.must(t, http.StatusOK, http.MethodPost, "/app/lanes/endpoint/"+endpoint+"/pause", nil)
			accepted := make([]string, backlog)
			for i := range accepted {
				accepted[i] = client.post(t, "lanes", map[string]any{"n": strconv.Itoa(i)})
			}
			require.Empty(t, s.receiver.at("/hook"))
			client.must(t, http.StatusOK, http.MethodPost, "/app/lanes/endpoint/"+endpoint+"/resume", nil)
			for i, worker := range []string{"deliver", "deliver-2"} {
				some := (i + 1) * backlog / 6
				testkit.Eventually(t, func() bool { return len(s.receiver.times("/hook")) > some }, "%d events arrive", some)
				c.leave(t, s, worker)
			}
			testkit.Eventually(t, func() bool { return len(s.receiver.times("/hook")) == backlog }, "all events arrive")
			require.NoError(t, ctx.Err())
			require.LessOrEqual(t, len(s.receiver.at("/hook"))-backlog, c.repeat, "events that arrived twice")
		})
	}
}

// workers is a stack with several deliver processes, and a receiver that takes its
// time.
type workers struct {
	*stack.Stack
	receiver *receiver
}

func startWorkers(t *testing.T, n int) *workers {
	t.Helper()
	return &workers{
		Stack: startStackOf(t, stack.Options{Processes: map[string]int{"deliver": n}}),
		receiver: newReceiver(t, func(string, int) int {
			time.Sleep(100 * time.Millisecond)
			return http.StatusOK
		}),
	}
}
