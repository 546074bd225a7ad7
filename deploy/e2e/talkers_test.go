package e2e

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// testTalkers asks who keeps the pipeline busy while an attempt is in flight.
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
	seen := func() (talker map[string]any) {
		answer := c.must(t, http.StatusOK, http.MethodGet, "/admin/top-talkers?limit=250", nil)
		for _, each := range answer["endpoints"].(map[string]any)["bySlots"].([]any) {
			if found := each.(map[string]any); found["endpointId"] == endpoint {
				require.EqualValues(t, 1, answer["workers"])
				talker = found
			}
		}
		return talker
	}
	var talker map[string]any
	testkit.Eventually(t, func() bool { talker = seen(); return talker != nil }, "the attempt is in flight")
	require.Equal(t, []any{1.0, 0.0, 1.0}, []any{talker["slots"], talker["waiting"], talker["backlog"]})
	require.NotNil(t, talker["oldestAt"])
	release()
	testkit.Eventually(t, func() bool { return seen() == nil }, "it has ended")
}
