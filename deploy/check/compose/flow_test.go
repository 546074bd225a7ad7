package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUp starts what the compose file starts, and delivers: by the commands of the
// README, and then by the end-to-end test.
func TestUp(t *testing.T) { //nolint:tparallel // one after the other
	t.Parallel()
	settings := filepath.Join(t.TempDir(), "settings") // in the place of .env
	require.NoError(t, os.WriteFile(settings, []byte("POSTRIDER_RETRY_SCHEDULE=1s,2s\nPOSTRIDER_STREAM_BYTES=1073741824\n"), 0o600))
	project := load(t, []string{"tools"}, "SETTINGS="+settings, "POSTRIDER_EGRESS_ALLOW=127.0.0.0/8")
	m := up(t, project)
	api, sink := "http://"+m.at("ingest-1", "8071"), "http://"+m.at("receiver-1", "8099")
	token := m.run("ingest", "postrider", "token", "-jwt")

	t.Run("readme", func(t *testing.T) {
		run(t, dir, []string{"API=" + api, "SINK=" + sink, "HOOK=" + sink + "/hook", "TOKEN=" + token}, "./try")
	})
	t.Run("end to end", func(t *testing.T) {
		run(t, root, []string{"E2E_URL=" + api, "E2E_TOKEN=" + token}, "go", "test", "-count=1", "-timeout=5m", "-run=^TestFlow$", "./deploy/e2e")
	})
	t.Run("tools", func(t *testing.T) { testTools(t, m) })
	t.Run("memory", func(t *testing.T) { testMemory(t, m) })
	t.Run("scale", func(t *testing.T) {
		for _, name := range stages[1:] {
			m.start(project.Services[name], name+"-2")
			m.await(name)
		}
	})
	t.Run("again", func(t *testing.T) { testAgain(t, m) })
}

func run(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
}

// testMemory: a container has a quarter more than its program thinks that it has, since
// a cap of Go's collector is no wall.
func testMemory(t *testing.T, m *machine) {
	t.Helper()
	for _, name := range stages {
		cmd := exec.CommandContext(t.Context(), "curl", "-sf", "http://"+m.at(name+"-1", "8072")+"/metrics")
		metrics, err := cmd.Output()
		require.NoError(t, err)
		found := regexp.MustCompile(`(?m)^postrider_memory_limit_bytes (\S+)$`).FindSubmatch(metrics)
		require.NotNil(t, found, name)
		bytes, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, float64(m.project.Services[name].MemLimit), 1.25*bytes, name)
	}
}

// testTools: people's commands come as users that may do what they do.
func testTools(t *testing.T, m *machine) {
	t.Helper()
	s := m.project.Services["tools"]
	m.layOut(s, "tools-1")
	for _, command := range []string{"streams list", "poison list", "reconcile -since 1m", "rekey", "token -name test", "migrate"} {
		cmd := m.command(s, "tools-1", append([]string{"postrider"}, strings.Fields(command)...))
		user, _, _ := strings.Cut(command, " ")
		if own := m.path("tools-1", "/run/secrets/nats-url-"+user); fileExists(own) {
			cmd.Env = append(cmd.Env, "POSTRIDER_NATS_URL_FILE="+own) // run -e …
		}
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", command, output)
	}
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// testAgain: what ends at once may run again beside all that runs, as it does at every
// "up", and changes nothing.
func testAgain(t *testing.T, m *machine) {
	t.Helper()
	secrets := m.path("ingest-1", "/run/secrets/nats-url")
	before, err := os.ReadFile(secrets)
	require.NoError(t, err)
	for _, name := range []string{"secrets", "roles", "bootstrap"} {
		output, err := m.command(m.project.Services[name], name+"-1", nil).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, output)
	}
	after, err := os.ReadFile(secrets)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}
