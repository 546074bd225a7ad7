package e2e

import (
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestClusterOutlivesEachServer kills each of three NATS servers in turn, under
// load, and starts it again. With each go the leaders of a third of all streams and
// consumers, and the connections of a third of all processes. Nothing is lost, no
// stage ends, and an ordered endpoint gets its events in order.
func TestClusterOutlivesEachServer(t *testing.T) {
	t.Parallel()
	s := startStackOf(t, stack.Options{
		NATSServers: 3,
		Processes:   map[string]int{"deliver": 2},
		Env:         []string{"POSTRIDER_RETRY_SCHEDULE=1s,1s,1s,1s,1s,1s,1s,1s"},
	})
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, func(path string, n int) int {
		if path == "/fails" && n%10 == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	c.application(t, "many", r.URL+"/works", r.URL+"/fails")
	c.application(t, "row")
	c.must(t, http.StatusCreated, http.MethodPost, "/app/row/endpoint", map[string]any{"url": r.URL + "/ordered", "ordered": true})
	many, row := produce(t, c, "many", 4), produce(t, c, "row", 1)
	ctx := testkit.Context(t)
	began := s.Processes()
	for _, server := range []string{stack.NATS, stack.NATS + "-2", stack.NATS + "-3"} {
		many.more(ctx, 100)
		killed := time.Now()
		require.NoError(t, s.Kill(ctx, server))
		many.more(ctx, 100)
		some := r.count("/works") + 100
		testkit.Eventually(t, func() bool { return r.count("/works") >= some }, "deliveries go on without %s", server)
		went := time.Since(killed)
		for _, stage := range stack.Stages() {
			require.NoError(t, s.AwaitReady(ctx, stage))
		}
		require.NoError(t, s.StartProcess(ctx, server))
		t.Logf("deliveries went on %s after %s was killed; it was back after %s", went.Round(time.Millisecond), server, time.Since(killed).Round(time.Millisecond))
	}
	many.more(ctx, 100)
	accepted, inRow := many.finish(), row.finish()

	testkit.Eventually(t, func() bool { return len(r.times("/works")) == len(accepted) }, "all %d events arrive", len(accepted))
	requireOnce(t, accepted, r.times("/works"))
	testkit.Eventually(t, func() bool { return r.succeeded("/fails") >= len(accepted) }, "and at the endpoint that fails")
	testkit.Eventually(t, func() bool { return len(r.times("/ordered")) == len(inRow) }, "and all %d at the ordered one", len(inRow))
	requireInOrder(t, r.at("/ordered"))
	ended := s.Processes()
	maps.DeleteFunc(ended, func(name string, _ int) bool { return strings.HasPrefix(name, stack.NATS) })
	for name, pid := range ended {
		require.Equal(t, began[name], pid, "%s is the process that it was", name)
	}
	require.Len(t, ended, len(began)-3, "no stage has ended")
}

// requireInOrder looks at what a single sender's events arrived as: an event may
// come again, but none comes for the first time after one that was posted later.
func requireInOrder(t *testing.T, arrivals []arrival) {
	t.Helper()
	number := regexp.MustCompile(`"name":"\d+-(\d+)"`)
	last := -1
	for _, a := range arrivals {
		n, err := strconv.Atoi(number.FindStringSubmatch(a.body)[1])
		require.NoError(t, err)
		require.LessOrEqual(t, n, last+1, "event %d arrived before %d", n, last+1)
		last = max(last, n)
	}
}
