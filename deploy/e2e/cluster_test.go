package e2e

import (
	"errors"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestClusterOutlivesEachServer kills each of three NATS servers in turn, under
// load, and starts it again; and then freezes one, which closes no connection. With
// each go the leaders of a third of all streams and consumers, and the connections
// of a third of all processes. Nothing is lost, no stage ends, and an ordered endpoint
// gets its events in order.
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
	kill := func(server string) error { return s.Kill(ctx, server) }
	start := func(server string) error { return s.StartProcess(ctx, server) }
	freeze := func(server string) error { return s.Signal(server, syscall.SIGSTOP) }
	thaw := func(server string) error {
		return errors.Join(s.Signal(server, syscall.SIGCONT), s.AwaitReady(ctx, server))
	}
	for _, step := range []struct {
		server      string
		leave, back func(string) error
	}{
		{stack.NATS, kill, start}, {stack.NATS + "-2", kill, start}, {stack.NATS + "-3", kill, start}, {stack.NATS, freeze, thaw},
	} {
		many.more(ctx, 100)
		left := time.Now()
		require.NoError(t, step.leave(step.server))
		many.more(ctx, 100)
		some := r.count("/works") + 100
		testkit.Eventually(t, func() bool { return r.count("/works") >= some }, "deliveries go on without %s", step.server)
		went := time.Since(left)
		for _, stage := range stack.Stages() {
			require.NoError(t, s.AwaitReady(ctx, stage))
		}
		require.NoError(t, step.back(step.server))
		t.Logf("deliveries went on %s after %s left; it was back after %s", went.Round(time.Millisecond), step.server, time.Since(left).Round(time.Millisecond))
	}
	many.more(ctx, 100)
	accepted, inRow := many.finish(), row.finish()

	testkit.Eventually(t, func() bool { return len(r.times("/works")) == len(accepted) }, "all %d events arrive", len(accepted))
	requireOnce(t, accepted, r.times("/works"))
	testkit.Eventually(t, func() bool { return r.succeeded("/fails") >= len(accepted) }, "and at the endpoint that fails")
	awaitAll(t, func() int { return len(r.times("/ordered")) }, len(inRow)) // one at a time, and as many as a slow machine had time to post
	requireInOrder(t, r.at("/ordered"))
	ended := s.Processes()
	maps.DeleteFunc(ended, func(name string, _ int) bool { return strings.HasPrefix(name, stack.NATS) })
	for name, pid := range ended {
		require.Equal(t, began[name], pid, "%s is the process that it was", name)
	}
	require.Len(t, ended, len(began)-3, "no stage has ended")
}

// awaitAll waits until there are as many as there must be, for as long as there are more
// and more of them.
func awaitAll(t *testing.T, count func() int, all int) {
	t.Helper()
	for before := count(); before < all; before = count() {
		testkit.Eventually(t, func() bool { return count() > before }, "more than %d of %d", before, all)
	}
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

// TestShardsAreAdded divides the streams under load, twice. Nobody is restarted,
// nothing is lost or comes twice, and the streams from before are worked off.
func TestShardsAreAdded(t *testing.T) {
	t.Parallel()
	s := startStackOf(t, stack.Options{
		Processes: map[string]int{"ingest": 2, "fanout": 2, "deliver": 2},
		Env:       []string{"POSTRIDER_RETRY_SCHEDULE=1s,1s,1s,1s,1s,1s,1s,1s"},
	})
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, func(path string, n int) int {
		if strings.HasSuffix(path, "fails") && n%10 == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	ctx := testkit.Context(t)
	producers := make(map[string]*producer)
	inShard := make(map[event.Shard]bool) // of three
	for n := 0; n < 6 || len(inShard) < 3; n++ {
		app := strconv.Itoa(n)
		c.application(t, app, r.URL+"/"+app+"/works", r.URL+"/"+app+"/fails")
		tenant, err := event.Tenant.Parse(c.must(t, http.StatusOK, http.MethodGet, "/app/"+app, nil)["id"].(string))
		require.NoError(t, err)
		inShard[event.ShardOf(tenant, 3)] = true
		limited := map[string]any{"url": r.URL + "/" + app + "/limited", "throttleRate": 20} // has a lane of its own
		c.must(t, http.StatusCreated, http.MethodPost, "/app/"+app+"/endpoint", limited)
		producers[app] = produce(t, c, app, 1)
	}
	for shards := 2; shards <= 3; shards++ {
		producers["0"].more(ctx, 50)
		require.NoError(t, s.Bootstrap(ctx, "POSTRIDER_SHARDS="+strconv.Itoa(shards)))
	}
	producers["0"].more(ctx, 150) // for seconds, all have heard of it
	for app, p := range producers {
		accepted := p.finish()
		for _, path := range []string{"/works", "/limited"} {
			testkit.Eventually(t, func() bool { return len(r.times("/"+app+path)) == len(accepted) }, "%d events arrive at %s", len(accepted), app+path)
			requireOnce(t, accepted, r.times("/"+app+path))
		}
		testkit.Eventually(t, func() bool { return r.succeeded("/"+app+"/fails") == len(accepted) }, "and where they fail")
	}
	for _, stream := range []string{event.StreamEvents, event.StreamDeliver, event.StreamOverflow, event.StreamRetry} {
		for _, shard := range event.Shards(3) {
			testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, s.NATSURL, shard.Stream(stream)) == 0 }, "nothing is left in %s", shard.Stream(stream))
		}
		require.NotZero(t, testkit.StreamSequence(t, s.NATSURL, event.Shard("2").Stream(stream)), "%s was used", stream)
	}
	require.Error(t, s.Bootstrap(ctx, "POSTRIDER_SHARDS=2"), "there cannot be fewer again")
}
