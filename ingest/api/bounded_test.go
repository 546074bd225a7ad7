package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestStatementTimeout makes a change wait for a lock for longer than it may.
func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	bounded, err := testkit.Open(t, url).Bounded(t.Context(), 200*time.Millisecond)
	require.NoError(t, err)
	t.Cleanup(bounded.Close)
	w := startOn(t, bounded)
	w.must(t, http.StatusCreated, "POST", "/app", `{"name":"A","uid":"a"}`)
	holder, err := testkit.SQL(t, url).Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `SELECT FROM tenants WHERE uid = 'a' FOR UPDATE`)
	require.NoError(t, err)
	a := w.must(t, http.StatusServiceUnavailable, "PATCH", "/app/a", `{"name":"B"}`)
	a.requireCode(t, http.StatusServiceUnavailable, "unavailable")
	require.Contains(t, a.body["detail"], "too long")
	require.NoError(t, holder.Rollback(t.Context()))
	w.must(t, http.StatusOK, "PATCH", "/app/a", `{"name":"B"}`)
}
