package e2e

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// testTalkers asks who keeps the pipeline busy while an attempt is in flight. Just
// after a start that is in the lane of the application, which tells of no endpoint.
func testTalkers(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	r := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
	t.Cleanup(r.Close)
	t.Cleanup(release) // or it would not close
	endpoint := c.application(t, "busy", r.URL+"/hook")[0]
	c.post(t, "busy", map[string]any{"n": 1})
	// talker is what the list of that kind says of who has the id.
	talker := func(list, key, id string) map[string]any {
		answer := c.must(t, http.StatusOK, http.MethodGet, "/admin/top-talkers?limit=250", nil)
		require.EqualValues(t, 1, answer["workers"])
		for _, each := range answer[list].(map[string]any)["bySlots"].([]any) {
			if found := each.(map[string]any); found[key] == id {
				return found
			}
		}
		return nil
	}
	inFlight := func() bool {
		found := talker("endpoints", "endpointId", endpoint)
		return found != nil && found["slots"] == 1.0
	}
	testkit.Eventually(t, inFlight, "the attempt is in flight")
	app := c.must(t, http.StatusOK, http.MethodGet, "/app/busy", nil)["id"].(string)
	found := talker("applications", "appId", app)
	require.Equal(t, []any{1.0, 0.0, 1.0}, []any{found["slots"], found["waiting"], found["backlog"]})
	require.NotNil(t, found["oldestAt"])
	release()
	testkit.Eventually(t, func() bool { return talker("endpoints", "endpointId", endpoint) == nil }, "it has ended")
}
