package sender_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/stub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a server to load and a receiver, and a load for them.
type bench struct {
	server   *stub.Server
	receiver *receiver.Receiver
	config   sender.Config
}

func newBench(t *testing.T, o stub.Options) bench {
	t.Helper()
	o.Token = "testtoken"
	sink, err := receiver.New(receiver.Options{})
	require.NoError(t, err)
	b := bench{server: stub.New(o), receiver: sink, config: sender.Default()}
	at, to := httptest.NewServer(b.server), httptest.NewServer(sink)
	b.config.URL, b.config.Sink, b.config.Token = at.URL, to.URL, o.Token
	b.config.Duration, b.config.Settle = 100*time.Millisecond, 0
	b.config.Rate, b.config.Senders, b.config.Size = 1000, 4, 200

	ran := make(chan struct{})
	go func() {
		defer close(ran)
		b.server.Run(t.Context())
	}()
	t.Cleanup(func() { // after the test's context has ended
		<-ran
		at.Close()
		to.Close()
	})
	return b
}

func (b bench) do(t *testing.T) sender.Result {
	t.Helper()
	result, err := sender.Do(t.Context(), b.config)
	require.NoError(t, err)
	return result
}

func TestOpenLoop(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{})
	b.config.Tenants, b.config.Endpoints = 3, 2
	result := b.do(t)
	require.Empty(t, result.Problems())
	require.Equal(t, int64(100), result.Accepted)
	require.Equal(t, int64(200), result.Expected)
	require.Equal(t, int64(200), result.Delivered)
	require.Equal(t, int64(100), result.AcceptLatency.Count)
	require.Equal(t, int64(200), result.Latency.Count)
	require.Positive(t, result.AcceptedPerSecond())
	require.Positive(t, result.DeliveredPerSecond())
	require.Contains(t, result.String(), "nothing missing")
	require.Zero(t, b.server.Applications(), "they are removed")
	require.Empty(t, b.receiver.Stats().Classes)
}

func TestClosedLoop(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{})
	b.config.Rate, b.config.Keep, b.config.Class = 0, true, "kept & counted"
	result := b.do(t)
	require.Empty(t, result.Problems())
	require.GreaterOrEqual(t, result.Accepted, int64(4), "each sender sends at least once")
	require.Equal(t, result.Accepted, result.Delivered)
	require.Equal(t, b.config.Tenants, b.server.Applications())
	require.Equal(t, result.Delivered, b.receiver.Stats().Classes["kept & counted"].Distinct)
}

// TestTargets sends twice to applications that somebody else has made.
func TestTargets(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{})
	targets := b.found(t, "/a?class=borrowed", "/b?class=borrowed")
	b.config.Targets, b.config.Class = targets, "borrowed"
	b.config.Rate, b.config.Events, b.config.Batch = 0, 60, 20
	for range 2 {
		result := b.do(t)
		require.Empty(t, result.Problems())
		require.Equal(t, int64(60), result.Accepted)
		require.Equal(t, int64(60), result.Delivered)
		require.Equal(t, b.receiver.Stats().Classes["borrowed"].Fingerprint, result.Fingerprint)
	}
	require.Equal(t, 2, b.server.Applications(), "they are not ours to remove")
}

// TestProfile sends a second of a profile to a fleet of its own, and then once
// more to a part of it.
func TestProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{})
	p := profile.Even(5, 100, 20)
	p.FanOut, p.Failing = []profile.FanOut{{Share: 0.5, Endpoints: 2}}, 0.3
	b.config.Profile, b.config.Keep, b.config.Class = &p, true, "profile"
	b.config.Duration = time.Second
	var events, deliveries, ofFirst int64
	for e := range p.Events(b.config.Duration) {
		events++
		if e.Tenant == 0 {
			ofFirst++
		}
		for _, h := range p.Endpoints(e.Tenant) {
			if h == profile.Healthy {
				deliveries++
			}
		}
	}
	result := b.do(t)
	require.Empty(t, result.Problems())
	require.Equal(t, p.Tenants, b.server.Applications())
	require.Equal(t, events, result.Accepted)
	require.Equal(t, deliveries, result.Delivered)
	require.Positive(t, b.receiver.Stats().Classes["profile-ill"].Refused, "the ill are not waited for")

	b.config.Targets = b.found(t, "/first?class=profile")
	b.config.Targets[0].Number = 0
	result = b.do(t)
	require.Empty(t, result.Problems())
	require.Equal(t, ofFirst, result.Accepted, "what is not for us is left out")
}

// found makes an application with one endpoint for each path.
func (b bench) found(t *testing.T, paths ...string) (targets []sender.Target) {
	t.Helper()
	client := rest.New(b.config.URL, b.config.Token, 1)
	defer client.Close()
	for _, path := range paths {
		var app struct{ ID string }
		require.NoError(t, client.Call(t.Context(), http.MethodPost, "/api/v1/app", map[string]any{"name": "x"}, &app))
		in := map[string]any{"url": b.config.Sink + path}
		require.NoError(t, client.Call(t.Context(), http.MethodPost, "/api/v1/app/"+app.ID+"/endpoint", in, nil))
		name, _, _ := strings.Cut(path, "?")
		targets = append(targets, sender.Target{App: app.ID, Paths: []string{name}})
	}
	return targets
}

func TestPartOfABatchIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{Refuse: func(n int64) int {
		if n%10 == 0 {
			return http.StatusUnprocessableEntity
		}
		return 0
	}})
	b.config.Batch = 10
	result := b.do(t)
	require.Equal(t, int64(90), result.Accepted)
	require.Equal(t, int64(90), result.Delivered)
	require.Equal(t, int64(10), result.Failed)
	require.Equal(t, map[string]int64{"422": 10}, result.Errors)
}

func TestSilentLoss(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{Copies: func(n int64) int { return int(min(n, 1)) }})
	b.config.Drain = 200 * time.Millisecond
	result := b.do(t)
	require.GreaterOrEqual(t, result.Missing, int64(1))
	require.Contains(t, strings.Join(result.Problems(), "; "), "deliveries missing")
	require.Equal(t, b.config.Tenants, b.server.Applications(), "they stay, to be looked into")
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{Copies: func(n int64) int { return 1 + int(n%2) }})
	b.config.Settle = 100 * time.Millisecond
	result := b.do(t)
	require.Equal(t, int64(100), result.Delivered)
	require.Contains(t, result.String(), "duplicates")
}

func TestForgery(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{Forge: true})
	b.config.Drain = 0
	result := b.do(t)
	require.Positive(t, result.BadSignatures)
	require.Zero(t, result.Delivered)
}

func TestTryingAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{Refuse: func(n int64) int {
		if n%10 == 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	}})
	b.config.Senders = 1 // so that no event meets a refusal twice
	result := b.do(t)
	require.Empty(t, result.Problems())
	require.Equal(t, int64(100), result.Accepted)
	require.Equal(t, int64(12), result.Errors["503"], "every tenth of 112 requests")
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status      int
		idempotency bool
		requests    int64
	}{
		"tried three times":  {http.StatusInternalServerError, true, 300},
		"not safe to repeat": {http.StatusInternalServerError, false, 100},
		"no use to repeat":   {http.StatusUnprocessableEntity, true, 100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, stub.Options{Refuse: func(int64) int { return test.status }})
			b.config.Idempotency, b.config.Senders = test.idempotency, 100
			result := b.do(t)
			require.Equal(t, int64(100), result.Failed)
			require.Zero(t, result.Accepted)
			require.Len(t, result.Errors, 1)
			for _, n := range result.Errors {
				require.Equal(t, test.requests, n)
			}
			require.Contains(t, result.String(), "nothing was accepted; 100 events failed (")
		})
	}
}

func TestPrepareFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, stub.Options{})
	tests := map[string]struct {
		change func(*sender.Config)
		says   string
	}{
		"wrong token": {func(c *sender.Config) { c.Token = "guess" }, "401 Unauthorized"},
		"no server":   {func(c *sender.Config) { c.URL = "http://127.0.0.1:1" }, "create application"},
		"no sink":     {func(c *sender.Config) { c.Sink = "http://127.0.0.1:1" }, "reset sink"},
		"not a sink":  {func(c *sender.Config) { c.Sink = c.URL + "/x" }, "reset sink"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := b.config
			test.change(&config)
			_, err := sender.Do(t.Context(), config)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "guess")
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, sender.Default().Validate(), "token is missing")
	err := sender.Config{URL: "localhost:8071"}.Validate()
	for _, word := range []string{"url", "sink", "token", "tenants", "senders", "duration", "size"} {
		require.ErrorContains(t, err, word)
	}
	for name, change := range map[string]func(*sender.Config){
		"batch":  func(c *sender.Config) { c.Batch = 1001 },
		"events": func(c *sender.Config) { c.Batch, c.Events = 10, 25 },
		"class":  func(c *sender.Config) { c.Targets = make([]sender.Target, 1) },
		"skew":   func(c *sender.Config) { c.Profile = &profile.Profile{} },
	} {
		c := sender.Default()
		change(&c)
		require.ErrorContains(t, c.Validate(), name+" ")
	}
}
