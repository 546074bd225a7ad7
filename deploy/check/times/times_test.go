package times

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDefaults: the programs as they are fit into the half minute that Kubernetes
// waits where it is not told anything else.
func TestDefaults(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "postrider")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../..", "-o", program, "./deploy/postrider").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, stage := range []string{"ingest", "fanout", "deliver", "retry", "dlq"} {
		got, err := Of(t.Context(), program, stage, nil)
		require.NoError(t, err)
		require.Equal(t, stage == "deliver", got.Attempt > 0, stage)
		require.NoError(t, got.Fit(30*time.Second), stage)
	}
	got, err := Of(t.Context(), program, "deliver", map[string]string{
		"POSTRIDER_DRAIN_DELAY": "7s", "POSTRIDER_DRAIN_TIMEOUT": "70s", "POSTRIDER_ATTEMPT_TIMEOUT": "1m", "POSTRIDER_JWT_SECRET_FILE": "/nowhere", "HOME": "/",
	})
	require.NoError(t, err)
	require.Equal(t, Times{7 * time.Second, 70 * time.Second, time.Minute}, got)
	_, err = Of(t.Context(), program, "deliver", map[string]string{"POSTRIDER_DRAINTIMEOUT": "70s"})
	require.ErrorContains(t, err, "did you mean POSTRIDER_DRAIN_TIMEOUT?")
}

func TestFit(t *testing.T) {
	t.Parallel()
	s := time.Second
	require.NoError(t, Times{5 * s, 25 * s, 15 * s}.Fit(35*s))
	require.NoError(t, Times{0, 10 * s, 0}.Fit(15*s))
	require.ErrorContains(t, Times{5 * s, 25 * s, 15 * s}.Fit(34*s), "it is killed after 34s")
	require.ErrorContains(t, Times{0, 19 * s, 15 * s}.Fit(60*s), "drain-timeout is 19s")
}
