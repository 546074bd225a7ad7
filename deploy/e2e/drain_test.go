package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// long is how long the attempts take that are in flight when everything is stopped:
// most of attempt-timeout's default, and less than drain-timeout's.
const long = 10 * time.Second

// patience is a receiver that takes as long as it is told, and sees who hangs up.
type patience struct {
	*httptest.Server

	inFlight, cut atomic.Int64

	mu    sync.Mutex
	times map[string]map[string]int // by path and event
	first map[string]string         // the event that came to a path first
}

func newPatience(t *testing.T) *patience {
	t.Helper()
	p := &patience{times: make(map[string]map[string]int), first: make(map[string]string)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			return
		}
		switch n, isFirst := p.note(r.URL.Path, r.Header.Get("webhook-id")); {
		case r.URL.Path == "/retried" && isFirst && n == 1:
			w.WriteHeader(http.StatusInternalServerError)
		case isFirst:
			p.inFlight.Add(1)
			select {
			case <-time.After(long):
			case <-r.Context().Done():
				p.cut.Add(1)
			}
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// note returns how often the event has come to the path, and whether it was the first
// that came there.
func (p *patience) note(path, id string) (n int, isFirst bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times[path] == nil {
		p.times[path], p.first[path] = make(map[string]int), id
	}
	p.times[path][id]++
	return p.times[path][id], p.first[path] == id
}

// arrived is how often an event came to a path.
func (p *patience) arrived(path, id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times[path][id]
}

// TestStoppedInTheMiddleOfLongAttempts stops all stages at once, as the end of an
// installation or an impatient orchestrator does, while a dozen receivers take ten
// seconds each: for first attempts, for a retry and in an ordered lane. No attempt is
// cut, every process ends by itself with code 0, and nothing of what was in flight is
// left on a stream, so that nothing can come twice. What came in meanwhile arrives
// once when they are back.
func TestStoppedInTheMiddleOfLongAttempts(t *testing.T) {
	t.Parallel()
	s := startStack(t, "POSTRIDER_RETRY_SCHEDULE=1s,1s,1s", "POSTRIDER_DRAIN_DELAY=1s")
	c := system{s.URL, s.Token}.client(t)
	p := newPatience(t)
	paths := []string{"/retried"}
	for n := range 10 {
		paths = append(paths, "/"+strconv.Itoa(n))
	}
	var urls []string
	for _, path := range paths {
		urls = append(urls, p.URL+path)
	}
	c.application(t, "long", urls...)
	c.must(t, http.StatusCreated, http.MethodPost, "/app/long/endpoint", map[string]any{"url": p.URL + "/ordered", "ordered": true})
	paths = append(paths, "/ordered")

	before := c.post(t, "long", map[string]any{"n": 1})
	testkit.Eventually(t, func() bool { return p.inFlight.Load() == int64(len(paths)) }, "all receivers are busy")
	posted := []string{before, c.post(t, "long", map[string]any{"n": 2}), c.post(t, "long", map[string]any{"n": 3})}
	ctx := testkit.Context(t)
	for _, stage := range stack.Stages() {
		require.NoError(t, s.Signal(stage, syscall.SIGTERM))
	}
	for _, stage := range stack.Stages() {
		code, err := s.Wait(ctx, stage)
		require.NoError(t, err)
		require.Zero(t, code, "exit code of %s", stage)
	}
	require.Zero(t, p.cut.Load(), "attempts that were cut")
	for _, stream := range []string{event.StreamDeliver, event.StreamOverflow, event.StreamRetry, event.StreamDLQ} {
		for _, d := range testkit.Deliveries(t, s.NATSURL, stream) {
			require.NotEqual(t, before, event.Message.Format(d.Event), "on %s, for %s", stream, event.Endpoint.Format(d.Endpoint))
		}
	}

	for _, stage := range stack.Stages() {
		require.NoError(t, s.StartProcess(ctx, stage))
	}
	for _, path := range paths {
		for _, id := range posted {
			testkit.Eventually(t, func() bool { return p.arrived(path, id) > 0 }, "%s arrives at %s", id, path)
			want := 1
			if path == "/retried" && id == before {
				want = 2
			}
			require.Equal(t, want, p.arrived(path, id), "%s at %s", id, path)
		}
	}
	attempts := c.attempts(t, "long", before)
	require.Len(t, attempts, len(paths)+1, "each is recorded, once")
	failed := 0
	for _, a := range attempts {
		if a["statusText"] != "success" {
			failed++
		}
	}
	require.Equal(t, 1, failed, "the one that was retried")
	require.EqualValues(t, len(paths), p.inFlight.Load(), "and none was made again")
}
