package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestUpgrade replaces the processes of the previous version one by one by those
// of this one, while events flow, and then goes back in the same order. So each
// stage hands over to an older one, and an older one to it, old ones start on the
// new schema, and two deliver processes of different versions share the lanes.
// Nothing may be lost, and nothing come twice.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	previous, present := previousPrograms(t), programs(t)
	s := startStackOf(t, stack.Options{
		Bin: previous,
		Env: []string{
			"POSTRIDER_RETRY_SCHEDULE=1s,1s,1s,1s,1s,1s,1s,1s", "POSTRIDER_BREAKER_AFTER=0",
			"POSTRIDER_OTLP_ENDPOINT=" + newCollector(t).URL, "POSTRIDER_TRACE_SAMPLE=1", // an older version does not know what this one's frames carry
		},
		Processes: map[string]int{"deliver": 2},
	})
	c := system{s.URL, s.Token}.client(t)
	c.anyVersion = true
	var repaired atomic.Bool
	r := newReceiver(t, func(path string, n int) int {
		if path == "/fails" && n%10 == 0 || path == "/dead" && !repaired.Load() {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	endpoints := c.application(t, "upgrade", r.URL+"/works", r.URL+"/fails", r.URL+"/dead")
	gone := "/app/upgrade/endpoint/" + endpoints[2]
	c.must(t, http.StatusOK, http.MethodPatch, gone, map[string]any{"retrySchedule": []string{"200ms"}})

	ctx := testkit.Context(t)
	p := produce(t, c, "upgrade", 6)
	p.more(ctx, 50)
	s.From(present)
	require.NoError(t, s.Bootstrap(ctx))
	for _, bin := range []string{present, previous} {
		s.From(bin)
		for _, name := range slices.Concat(stack.Stages(), []string{"deliver-2"}) {
			p.more(ctx, 50)
			restart(ctx, t, s, name)
		}
	}
	p.more(ctx, 50)
	accepted := p.finish()

	testkit.Eventually(t, func() bool { return len(r.times("/works")) == len(accepted) }, "%d events arrive", len(accepted))
	requireOnce(t, accepted, r.times("/works"))
	testkit.Eventually(t, func() bool { return r.succeeded("/fails") == len(accepted) }, "and at the endpoint that fails now and then")
	testkit.Eventually(t, func() bool { return lettersAt(t, c, gone) == len(accepted) }, "at the one that always fails all are dead")
	repaired.Store(true)
	c.must(t, http.StatusAccepted, http.MethodPost, gone+"/dlq/redrive", map[string]any{})
	testkit.Eventually(t, func() bool { return lettersAt(t, c, gone) == 0 }, "redriven")
	testkit.Eventually(t, func() bool { return len(r.at("/dead")) == 3*len(accepted) }, "two attempts each have failed, the third succeeds")
}

// previousPrograms builds those of the previous version from its commit.
func previousPrograms(t *testing.T) string {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	archive := filepath.Join(dir, "source.tar")
	git(t, "archive", "-o", archive, previousVersion(t))
	run(t, exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", dir))
	require.NoError(t, stack.BuildFrom(t.Context(), dir, bin))
	return bin
}

// previousVersion is the last release before this commit; until there is one, the
// commit that last changed testdata/upgrade-from.
func previousVersion(t *testing.T) string {
	t.Helper()
	require.Equal(t, "false", git(t, "rev-parse", "--is-shallow-repository"),
		"the previous version is not in this shallow clone: run git fetch --unshallow --tags")
	commit := git(t, "log", "-1", "--format=%H", "--", "deploy/e2e/testdata/upgrade-from")
	require.NotEmpty(t, commit, "testdata/upgrade-from is not committed yet")
	if releases := strings.Fields(git(t, "tag", "--merged", "HEAD~1", "--list", "v[0-9]*", "--sort=-creatordate")); len(releases) > 0 {
		commit = releases[0]
	}
	t.Logf("the previous version is %s", git(t, "log", "-1", "--format=%h of %cs, %s", commit))
	return commit
}

// git runs git in this repository and returns what it says.
func git(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, exec.CommandContext(t.Context(), "git", append([]string{"-C", "../.."}, args...)...))
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", cmd, output)
	return strings.TrimSpace(string(output))
}
