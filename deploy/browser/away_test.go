package browser

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
)

// TestAway: while NATS is away every page can still be opened, and says so where it
// matters; while PostgreSQL is, a page explains that. It disturbs the system of all
// tests, so it runs before those that are parallel.
func TestAway(t *testing.T) {
	a := showcase(t)
	member, operator := open(t), open(t)
	member.member(a)
	operator.operator()
	for _, p := range []*tab{member, operator} {
		p.allow("503") // the console tells of every answer like that
	}

	without(t, stack.NATS)
	for area, p := range map[string]*tab{"/portal": member, "/console": operator} {
		p.walk(area, false, func(path string) {
			status, _ := p.answer()
			require.Contains(t, []int64{http.StatusOK, http.StatusServiceUnavailable}, status, path)
			p.unharmed(path)
		})
	}
	again(t, stack.NATS)

	without(t, stack.Postgres)
	for _, p := range []*tab{member, operator} {
		p.visit(strings.TrimPrefix(ask[string](p, "location.href"), p.base))
		status, _ := p.answer()
		require.EqualValues(t, http.StatusServiceUnavailable, status)
		p.unharmed("without PostgreSQL")
		p.sees("Try again")
	}
	again(t, stack.Postgres)
	for _, p := range []*tab{member, operator} {
		eventually(t, func() bool {
			p.click("Try again")
			p.settle()
			return !ask[bool](p, `f.text().includes("Try again")`)
		}, "the page is there again")
	}
}

// without kills a server. It is started again in any case, for the tests that follow.
func without(t *testing.T, server string) {
	t.Helper()
	require.NoError(t, system.Kill(t.Context(), server))
	t.Cleanup(func() {
		if system.Processes()[server] == 0 {
			_ = system.StartProcess(context.Background(), server) // they will tell
		}
	})
}

// again starts a server and waits until all stages go on.
func again(t *testing.T, server string) {
	t.Helper()
	require.NoError(t, system.StartProcess(t.Context(), server))
	for _, name := range system.Workers() {
		require.NoError(t, system.AwaitReady(t.Context(), name))
	}
}
