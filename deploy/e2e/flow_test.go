package e2e

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestFlow runs it in both shapes; or, where E2E_URL and E2E_TOKEN say of one, against
// a system that runs already, with flowSchedule and leave to deliver to loopback.
func TestFlow(t *testing.T) {
	t.Parallel()
	if url := os.Getenv("E2E_URL"); url != "" {
		testWholeFlow(t, system{url, os.Getenv("E2E_TOKEN")})
		return
	}
	for name, shards := range map[string]string{"one shard": "1", "two shards": "2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testFlow(t, "POSTRIDER_SHARDS="+shards)
		})
	}
}

func testFlow(t *testing.T, env ...string) {
	t.Helper()
	inBothShapes(t, append(env, flowSchedule), testWholeFlow)
}

// flowSchedule is the retry schedule that the parts of the flow go by.
const flowSchedule = "POSTRIDER_RETRY_SCHEDULE=1s,2s"

func testWholeFlow(t *testing.T, s system) {
	t.Helper()
	t.Run("published clients", func(t *testing.T) { t.Parallel(); testClient(t, s) })
	t.Run("tokens and keys", func(t *testing.T) { t.Parallel(); testTokens(t, s) })
	t.Run("fails twice, then works", func(t *testing.T) { t.Parallel(); testRetry(t, s) })
	t.Run("always fails, is redriven", func(t *testing.T) { t.Parallel(); testDeadLetter(t, s) })
	t.Run("schedule and timeout of its own", func(t *testing.T) { t.Parallel(); testOwnSchedule(t, s) })
	t.Run("not sent, recovered", func(t *testing.T) { t.Parallel(); testNotSent(t, s, "recover") })
	t.Run("not sent, replayed", func(t *testing.T) { t.Parallel(); testNotSent(t, s, "replay-missing") })
	t.Run("gone", func(t *testing.T) { t.Parallel(); testGone(t, s) })
	t.Run("new endpoints at once", func(t *testing.T) { t.Parallel(); testFreshEndpoints(t, s) })
	t.Run("large payload", func(t *testing.T) { t.Parallel(); testLargePayload(t, s) })
	t.Run("resend", func(t *testing.T) { t.Parallel(); testResend(t, s) })
	t.Run("operational webhooks", func(t *testing.T) { t.Parallel(); testOperational(t, s) })
	t.Run("content removed on the way", func(t *testing.T) { t.Parallel(); testExpunge(t, s) })
	t.Run("credentials", func(t *testing.T) { t.Parallel(); testCredentials(t, s) })
	t.Run("verification", func(t *testing.T) { t.Parallel(); testVerification(t, s) })
	t.Run("top talkers", func(t *testing.T) { t.Parallel(); testTalkers(t, s) })
	t.Run("pipeline", func(t *testing.T) { t.Parallel(); testPipeline(t, s) })
}

func testRetry(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, func(_ string, n int) int {
		if n <= 2 {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	})
	c.application(t, "retry", r.URL+"/hook")
	id := c.post(t, "retry", map[string]any{"n": 1})
	testkit.Eventually(t, func() bool { return len(r.at("/hook")) == 3 }, "three attempts")
	testkit.Eventually(t, func() bool { return len(c.attempts(t, "retry", id)) == 3 }, "three recorded attempts")

	got := r.at("/hook")
	for _, a := range got {
		require.Equal(t, id, a.id, "the same id each time")
		require.Equal(t, `{"n":1}`, a.body, "the same bytes each time")
	}
	// The delays are 1 s and 2 s, ±20 %. Late is the machine's fault, early ours.
	require.GreaterOrEqual(t, got[1].at.Sub(got[0].at), 800*time.Millisecond)
	require.GreaterOrEqual(t, got[2].at.Sub(got[1].at), 1600*time.Millisecond)
	for i, want := range []string{"success", "fail", "fail"} {
		require.Equal(t, want, c.attempts(t, "retry", id)[i]["statusText"])
	}
	time.Sleep(3 * time.Second) // longer than any delay: a fourth attempt would have come
	require.Len(t, r.at("/hook"), 3)
}

func testDeadLetter(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r, repair := newBrokenReceiver(t)
	endpoint := c.application(t, "dead", r.URL+"/hook")[0]
	one, other := c.post(t, "dead", map[string]any{"n": 1}), c.post(t, "dead", map[string]any{"n": 2})
	dlq := "/app/dead/endpoint/" + endpoint + "/dlq"
	letters := func() int {
		return len(c.must(t, http.StatusOK, http.MethodGet, dlq, nil)["data"].([]any))
	}
	testkit.Eventually(t, func() bool { return letters() == 2 }, "two dead letters")
	require.Equal(t, map[string]int{one: 3, other: 3}, r.times("/hook"), "one attempt and one for each delay")

	repair()
	c.must(t, http.StatusAccepted, http.MethodPost, dlq+"/"+one+"/redrive", map[string]any{})
	testkit.Eventually(t, func() bool { return r.times("/hook")[one] == 4 }, "redriven one arrives")
	require.Equal(t, 3, r.times("/hook")[other], "the other was not asked for")

	task := c.must(t, http.StatusAccepted, http.MethodPost, dlq+"/redrive", map[string]any{})
	testkit.Eventually(t, func() bool { return r.times("/hook")[other] == 4 }, "all that is dead arrives")
	testkit.Eventually(t, func() bool {
		return c.must(t, http.StatusOK, http.MethodGet, "/background-task/"+task["id"].(string), nil)["status"] == "finished"
	}, "the task is finished")
	require.Zero(t, letters())
	require.Equal(t, map[string]int{one: 4, other: 4}, r.times("/hook"))
}

// testOwnSchedule has an endpoint that never answers: it is given up after its
// own timeout and its own schedule, not the installation's.
func testOwnSchedule(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	hang := make(chan struct{})
	r := newReceiver(t, func(string, int) int { <-hang; return http.StatusOK })
	defer close(hang)
	endpoint := c.application(t, "own", r.URL+"/hook")[0]
	path := "/app/own/endpoint/" + endpoint
	c.must(t, http.StatusOK, http.MethodPatch, path, map[string]any{"retrySchedule": []string{"200ms"}, "timeoutMs": 150})
	id := c.post(t, "own", map[string]any{})
	testkit.Eventually(t, func() bool {
		return len(c.must(t, http.StatusOK, http.MethodGet, path+"/dlq", nil)["data"].([]any)) == 1
	}, "given up")
	require.Equal(t, map[string]int{id: 2}, r.times("/hook"))
	for _, a := range c.attempts(t, "own", id) {
		require.EqualValues(t, 0, a["responseStatusCode"])
		require.GreaterOrEqual(t, a["responseDurationMs"].(float64), 150.0)
	}
}

// testNotSent posts while the endpoint is disabled, and has that delivered when it
// is enabled again.
func testNotSent(t *testing.T, s system, how string) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, nil)
	app := "unsent-" + how
	path := "/app/" + app + "/endpoint/" + c.application(t, app, r.URL+"/hook", r.URL+"/other")[0]
	disabled := func(d bool) { c.must(t, http.StatusOK, http.MethodPatch, path, map[string]any{"disabled": d}) }
	letters := func() []any { return c.must(t, http.StatusOK, http.MethodGet, path+"/dlq", nil)["data"].([]any) }
	began := time.Now()
	disabled(true)
	want := make(map[string]int)
	for n := range 3 {
		want[c.post(t, app, map[string]any{"n": n})] = 1
	}
	testkit.Eventually(t, func() bool { return len(letters()) == 3 }, "each is recorded as not sent")
	for _, l := range letters() {
		letter := l.(map[string]any)
		require.Equal(t, []any{1, "endpoint_disabled", 0.0}, []any{want[letter["msgId"].(string)], letter["reason"], letter["attempts"]})
	}
	testkit.Eventually(t, func() bool { return len(r.at("/other")) == 3 }, "others get them")
	require.Empty(t, r.at("/hook"))
	require.Empty(t, c.must(t, http.StatusOK, http.MethodGet, path+"/msg", nil)["data"], "nothing was attempted")

	disabled(false)
	for range 2 { // the second time there is nothing left to do
		task := c.must(t, http.StatusAccepted, http.MethodPost, path+"/"+how, map[string]any{"since": began.Format(time.RFC3339Nano)})
		testkit.Eventually(t, func() bool {
			return c.must(t, http.StatusOK, http.MethodGet, "/background-task/"+task["id"].(string), nil)["status"] == "finished"
		}, "the task is finished")
		testkit.Eventually(t, func() bool {
			return len(c.must(t, http.StatusOK, http.MethodGet, path+"/msg", nil)["data"].([]any)) == 3
		}, "all are attempted")
	}
	require.Equal(t, want, r.times("/hook"), "each once")
	require.Empty(t, letters())
}

func testGone(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, func(string, int) int { return http.StatusGone })
	endpoint := c.application(t, "gone", r.URL+"/hook")[0]
	c.post(t, "gone", map[string]any{})
	path := "/app/gone/endpoint/" + endpoint
	testkit.Eventually(t, func() bool {
		return c.must(t, http.StatusOK, http.MethodGet, path, nil)["disabled"] == true
	}, "an endpoint that is gone is disabled")
	c.post(t, "gone", map[string]any{})
	testkit.Eventually(t, func() bool {
		return len(c.must(t, http.StatusOK, http.MethodGet, path+"/dlq", nil)["data"].([]any)) == 2
	}, "what it did not want and what came after that are dead")
	require.Len(t, r.at("/hook"), 1)
}

// testFreshEndpoints posts at once after each change: no event may be expanded
// with endpoints older than itself.
func testFreshEndpoints(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, nil)
	c.application(t, "fresh", r.URL+"/all")
	c.post(t, "fresh", map[string]any{}) // whatever remembers endpoints knows these now
	for _, uid := range []string{"a", "b", "c", "d", "e"} {
		c.must(t, http.StatusCreated, http.MethodPost, "/app/fresh/endpoint", map[string]any{"url": r.URL + "/" + uid, "uid": uid})
		id := c.post(t, "fresh", map[string]any{"endpoint": uid})
		testkit.Eventually(t, func() bool { return r.times("/" + uid)[id] == 1 }, "endpoint %s gets the next event", uid)
		c.must(t, http.StatusNoContent, http.MethodDelete, "/app/fresh/endpoint/"+uid, nil)
		after := c.post(t, "fresh", map[string]any{"after": uid})
		testkit.Eventually(t, func() bool { return r.times("/all")[after] == 1 }, "the others get the event after")
		require.Zero(t, r.times("/" + uid)[after], "a deleted endpoint gets nothing more")
	}
}

func testLargePayload(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, nil)
	c.application(t, "large", r.URL+"/hook")
	text := make([]byte, 200<<10)
	for i := range text {
		text[i] = 'a' + byte(i%26)
	}
	id := c.post(t, "large", map[string]any{"text": string(text)})
	testkit.Eventually(t, func() bool { return r.times("/hook")[id] == 1 }, "an event that travels by reference arrives")
	require.Equal(t, `{"text":"`+string(text)+`"}`, r.at("/hook")[0].body)
}

func testResend(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, nil)
	endpoint := c.application(t, "resend", r.URL+"/hook", r.URL+"/other")[0]
	id := c.post(t, "resend", map[string]any{})
	testkit.Eventually(t, func() bool { return r.times("/hook")[id] == 1 && r.times("/other")[id] == 1 }, "delivered")
	c.must(t, http.StatusAccepted, http.MethodPost, "/app/resend/msg/"+id+"/endpoint/"+endpoint+"/resend", map[string]any{})
	testkit.Eventually(t, func() bool { return r.times("/hook")[id] == 2 }, "and again")
	testkit.Eventually(t, func() bool { return len(c.attempts(t, "resend", id)) == 3 }, "each attempt is recorded")
	require.EqualValues(t, 1, c.attempts(t, "resend", id)[0]["triggerType"], "by hand")
	require.Equal(t, 1, r.times("/other")[id])
}

// testExpunge removes the payload of an event that travels by reference, while
// it waits for its second attempt at one of its endpoints.
func testExpunge(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	r := newReceiver(t, func(path string, _ int) int {
		if path == "/fails" {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	})
	endpoints := c.application(t, "expunge", r.URL+"/works", r.URL+"/fails")
	fails := "/app/expunge/endpoint/" + endpoints[1]
	c.must(t, http.StatusOK, http.MethodPatch, fails, map[string]any{"retrySchedule": []string{"4s"}})
	id := c.post(t, "expunge", map[string]any{"text": strings.Repeat("x", 100<<10)})
	states := func() []any {
		var all []any
		for _, e := range c.must(t, http.StatusOK, http.MethodGet, "/app/expunge/msg/"+id+"/endpoint", nil)["data"].([]any) {
			all = append(all, e.(map[string]any)["statusText"])
		}
		return all
	}
	testkit.Eventually(t, func() bool { return slices.Equal(states(), []any{"success", "sending"}) }, "one delivered, one to be tried again")
	c.must(t, http.StatusNoContent, http.MethodDelete, "/app/expunge/msg/"+id+"/content", nil)
	testkit.Eventually(t, func() bool { return slices.Equal(states(), []any{"success", "fail"}) }, "the other is given up")
	require.Len(t, r.at("/fails"), 1, "nothing empty is sent")

	stats := c.must(t, http.StatusOK, http.MethodGet, fails+"/stats", nil)
	require.Equal(t, map[string]any{"success": 0.0, "pending": 0.0, "sending": 0.0, "fail": 1.0, "canceled": 0.0}, stats)
	message := c.must(t, http.StatusOK, http.MethodGet, fails+"/msg", nil)["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{id, "fail", map[string]any{"expired": true}}, []any{message["id"], message["statusText"], message["payload"]})
	testkit.Eventually(t, func() bool {
		letters := c.must(t, http.StatusOK, http.MethodGet, fails+"/dlq", nil)["data"].([]any)
		return len(letters) == 1 && letters[0].(map[string]any)["reason"] == "payload_expired"
	}, "and dead")
	c.must(t, http.StatusBadRequest, http.MethodPost, fails+"/dlq/"+id+"/redrive", map[string]any{})
}
