package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// testPipeline asks how the processes are, until each stage says that it can do its
// work and that it has looked what waits for it.
func testPipeline(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	testkit.Eventually(t, func() bool {
		answer := c.must(t, http.StatusOK, http.MethodGet, "/admin/stages", nil)
		require.Equal(t, true, answer["complete"])
		for _, each := range answer["data"].([]any) {
			if stage := each.(map[string]any); stage["processes"] != 1.0 || stage["ready"] != 1.0 || stage["backlog"] == nil {
				return false
			}
		}
		return true
	}, "each stage is in one process and ready")
	stages := make(map[any]bool)
	for _, each := range c.must(t, http.StatusOK, http.MethodGet, "/admin/processes", nil)["data"].([]any) {
		for _, stage := range each.(map[string]any)["stages"].([]any) {
			stages[stage.(map[string]any)["stage"]] = true
		}
	}
	require.Len(t, stages, 5)
	for _, path := range []string{"/admin/streams", "/admin/lanes", "/admin/circuits", "/admin/dlq", "/admin/dlq/count"} {
		c.must(t, http.StatusOK, http.MethodGet, path, nil) // it has the rights to look
	}
}
