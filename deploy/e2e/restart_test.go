package e2e

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestEveryStageDrains stops each process in turn, under load, as an
// orchestrator does: it must end by itself with exit code 0, and every event
// must arrive exactly once at each endpoint.
func TestEveryStageDrains(t *testing.T) {
	t.Parallel()
	s := startStack(t, "POSTRIDER_RETRY_SCHEDULE=1s,1s,1s,1s,1s,1s,1s,1s")
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, func(path string, n int) int {
		time.Sleep(20 * time.Millisecond) // so that attempts are in flight whenever
		if path == "/fails" && n%10 == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	c.application(t, "drain", r.URL+"/works", r.URL+"/fails")
	p := produce(t, c, "drain", 8)
	ctx := testkit.Context(t)
	for _, stage := range stack.Stages() {
		p.more(ctx, 50)
		require.NoError(t, s.Signal(stage, syscall.SIGTERM))
		code, err := s.Wait(ctx, stage)
		require.NoError(t, err)
		require.Zero(t, code, "exit code of %s", stage)
		require.NoError(t, s.StartProcess(ctx, stage))
	}
	p.more(ctx, 50)
	accepted := p.finish()

	testkit.Eventually(t, func() bool { return len(r.times("/works")) == len(accepted) }, "%d events arrive", len(accepted))
	requireOnce(t, accepted, r.times("/works"))
	// At the other endpoint each tenth attempt fails, and only those come again.
	testkit.Eventually(t, func() bool { return r.succeeded("/fails") == len(accepted) }, "and at the endpoint that fails")
	failures := len(r.at("/fails")) - len(accepted)
	require.Equal(t, len(r.at("/fails"))/10, failures, "attempts beyond one success for each event are those that failed")
}

func requireOnce(t *testing.T, accepted []string, times map[string]int) {
	t.Helper()
	require.ElementsMatch(t, accepted, slices.Collect(maps.Keys(times)))
	for id, n := range times {
		require.Equal(t, 1, n, "event %s", id)
	}
}

// succeeded counts the arrivals at a path of which every tenth failed.
func (r *receiver) succeeded(path string) int {
	n := len(r.at(path))
	return n - n/10
}

// TestKilledIngestLosesNothing kills the front door again and again while it
// accepts. Every 202 must be delivered, and seen more than once only where the
// kill came between publishing and noting it.
func TestKilledIngestLosesNothing(t *testing.T) {
	t.Parallel()
	s := startStack(t, "POSTRIDER_RATIONAL_DELAY=500ms")
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, nil)
	c.application(t, "kill", r.URL+"/hook")
	p := produce(t, c, "kill", 8)
	ctx := testkit.Context(t)
	for range 10 {
		p.more(ctx, 30)
		require.NoError(t, s.Kill(ctx, "ingest"))
		require.NoError(t, s.StartProcess(ctx, "ingest"))
	}
	p.more(ctx, 30)
	accepted := p.finish()
	arrived := func() bool {
		times := r.times("/hook")
		return !slices.ContainsFunc(accepted, func(id string) bool { return times[id] == 0 })
	}
	testkit.Eventually(t, arrived, "all %d accepted events arrive", len(accepted))
	for id, n := range r.times("/hook") {
		require.Equal(t, 1, n, "event %s: the stream or the attempts recognise what was published before", id)
	}
}

// TestKilledBetweenCommitAndPublish stops NATS for ingest alone, so that it
// commits what it cannot publish, and kills it then: the outbox is all that is
// left of the events.
func TestKilledBetweenCommitAndPublish(t *testing.T) {
	t.Parallel()
	s := startStack(t, "POSTRIDER_RATIONAL_DELAY=500ms")
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, nil)
	c.application(t, "outbox", r.URL+"/hook")
	ctx := testkit.Context(t)

	require.NoError(t, s.Signal(stack.NATS, syscall.SIGSTOP)) // it answers nothing, and nobody notices yet
	var accepted []string
	for range 50 {
		accepted = append(accepted, c.post(t, "outbox", map[string]any{}))
	}
	require.Empty(t, r.at("/hook"))
	require.NoError(t, s.Kill(ctx, "ingest"))
	require.NoError(t, s.Kill(ctx, stack.NATS)) // with whatever its sockets held
	require.NoError(t, s.StartProcess(ctx, stack.NATS))
	require.NoError(t, s.StartProcess(ctx, "ingest"))

	testkit.Eventually(t, func() bool { return len(r.times("/hook")) == len(accepted) }, "what was committed is delivered")
	requireOnce(t, accepted, r.times("/hook"))
}

// TestAcceptsWithoutNATS: acceptance needs the database only.
func TestAcceptsWithoutNATS(t *testing.T) {
	t.Parallel()
	s := startStack(t, "POSTRIDER_RATIONAL_DELAY=500ms")
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, nil)
	c.application(t, "away", r.URL+"/hook")
	ctx := testkit.Context(t)
	require.NoError(t, s.Signal(stack.NATS, syscall.SIGTERM))
	_, err := s.Wait(ctx, stack.NATS)
	require.NoError(t, err)
	var accepted []string
	for n := range 50 {
		if n == 25 {
			require.NoError(t, s.Kill(ctx, "ingest"))
			require.NoError(t, s.StartProcess(ctx, "ingest"), "it needs no NATS to begin")
		}
		accepted = append(accepted, c.post(t, "away", map[string]any{}))
	}
	require.NoError(t, s.StartProcess(ctx, stack.NATS))
	testkit.Eventually(t, func() bool { return len(r.times("/hook")) == len(accepted) }, "delivered when NATS is back")
	requireOnce(t, accepted, r.times("/hook"))
}

// TestRetriesSurviveNATSRestart: what waits is in the stream, not in a process.
func TestRetriesSurviveNATSRestart(t *testing.T) {
	t.Parallel()
	s := startStack(t, "POSTRIDER_RETRY_SCHEDULE=4s")
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, func(_ string, n int) int {
		if n <= 20 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	c.application(t, "wait", r.URL+"/hook")
	ctx := testkit.Context(t)
	for range 20 {
		c.post(t, "wait", map[string]any{})
	}
	testkit.Eventually(t, func() bool { return len(r.at("/hook")) == 20 }, "all have failed once")
	restart(ctx, t, s, stack.NATS)
	restart(ctx, t, s, "retry")
	testkit.Eventually(t, func() bool { return len(r.at("/hook")) == 40 }, "and are tried again")
	for id, n := range r.times("/hook") {
		require.Equal(t, 2, n, "event %s", id)
	}
}

func restart(ctx context.Context, t *testing.T, s *stack.Stack, name string) {
	t.Helper()
	require.NoError(t, s.Signal(name, syscall.SIGTERM))
	code, err := s.Wait(ctx, name)
	require.NoError(t, err)
	require.True(t, code == 0 || name == stack.NATS, "exit code of %s is %d", name, code)
	require.NoError(t, s.StartProcess(ctx, name))
}
