package e2e

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestSecondStartContinues: what was accepted a moment before Ctrl-C, for a
// receiver that is down, arrives after the next start.
func TestSecondStartContinues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	schedule := "POSTRIDER_RETRY_SCHEDULE=" + strings.Repeat("1s,", 49) + "1s"
	address := freeAddress(t)
	first := startLocal(t, dir, schedule)
	c := system{first.url, first.token}.client(t)
	endpoint := c.application(t, "continues", "http://"+address+"/hook")[0]
	early := c.post(t, "continues", map[string]any{"n": 1})
	testkit.Eventually(t, func() bool { return len(c.attempts(t, "continues", early)) > 0 }, "an attempt fails")
	silent, err := net.Dial("tcp", strings.TrimPrefix(first.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	late := c.post(t, "continues", map[string]any{"n": 2})
	began := time.Now()
	first.stop(t)
	require.Less(t, time.Since(began), 30*time.Second)

	r := newReceiverAt(t, address, nil)
	second := startLocal(t, dir, schedule)
	require.Equal(t, first.token, second.token, "the token is kept")
	testkit.Eventually(t, func() bool { return len(r.times("/hook")) == 2 }, "both arrive")
	requireOnce(t, []string{early, late}, r.times("/hook"))
	c = system{second.url, second.token}.client(t)
	require.Equal(t, endpoint, c.must(t, http.StatusOK, http.MethodGet, "/app/continues/endpoint/"+endpoint, nil)["id"])
	testkit.Eventually(t, func() bool { return c.attempts(t, "continues", late)[0]["statusText"] == "success" }, "and are recorded")
}

// TestStoppedWhileStarting: Ctrl-C at any moment is no failure.
func TestStoppedWhileStarting(t *testing.T) {
	t.Parallel()
	program := filepath.Join(programs(t), "local")
	for name, sign := range map[string]string{
		"at once":             "token",
		"making the cluster":  "postgres/cluster.new",
		"starting PostgreSQL": "postgres/cluster",
		"starting NATS":       "nats",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(program)
			cmd.Env = settings("POSTRIDER_DATA_DIR="+dir, "POSTRIDER_LISTEN="+freeAddress(t), "POSTRIDER_ADMIN_LISTEN=")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			require.NoError(t, cmd.Start())
			testkit.Eventually(t, func() bool {
				_, err := os.Stat(filepath.Join(dir, sign))
				return err == nil
			}, "there is %s", sign)
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			require.NoError(t, cmd.Wait(), &stderr)
			require.Empty(t, stderr.String())
		})
	}
}

// refusal is a start that must not succeed, and the words that tell why.
type refusal struct {
	program string
	env     []string
	args    []string
	want    []string
}

// TestStartRefuses: one line that says what is wrong and what to do, exit code
// 1, no stack trace.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	for name, test := range settingsRefused(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(t, bin)
		})
	}
	for name, test := range surroundingsRefused(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(t, bin)
		})
	}
}

func settingsRefused(t *testing.T) map[string]refusal {
	t.Helper()
	data := "POSTRIDER_DATA_DIR=" + t.TempDir()
	some := []string{"POSTRIDER_DATABASE_URL=postgres://nobody@127.0.0.1:1/x"}
	return map[string]refusal{
		"unknown flag": {
			program: "local", env: []string{data}, args: []string{"-colour=red"},
			want: []string{"postrider: flag provided but not defined: -colour (-h lists all flags)"},
		},
		"unknown flag of a stage": {
			program: "fanout", args: []string{"-listen=:80"}, want: []string{"fanout: ", "-listen"},
		},
		"argument": {
			program: "dlq", env: some, args: []string{"start"}, want: []string{`dlq: unexpected argument "start"`},
		},
		"duration": {
			program: "local", env: []string{data, "POSTRIDER_DRAIN_TIMEOUT=soon"},
			want: []string{`POSTRIDER_DRAIN_TIMEOUT is "soon": must be a duration`},
		},
		"retry schedule": {
			program: "local", env: []string{data, "POSTRIDER_RETRY_SCHEDULE=5s,later"},
			want: []string{`postrider: retry-schedule: delay "later" is not a duration such as 30s`},
		},
		"retry schedule of a stage": {
			program: "deliver", env: append(some, "POSTRIDER_RETRY_SCHEDULE=200h"),
			want: []string{"deliver: retry-schedule: the delays are more than a week"},
		},
		"CIDR": {
			program: "local", env: []string{data, "POSTRIDER_EGRESS_ALLOW=10.0.0.0/99"},
			want: []string{"egress-allow", `"10.0.0.0/99"`},
		},
		"several": {
			program: "local", env: []string{data, "POSTRIDER_LOG_LEVEL=loud", "POSTRIDER_ATTEMPT_TIMEOUT=1ns"},
			want: []string{`log-level is "loud"`, "; ", "attempt-timeout is 1ns"},
		},
		"weak secret": {
			program: "ingest", env: append(some, "POSTRIDER_JWT_SECRET=secret"), want: []string{"ingest: jwt-secret is too short: must be at least 16 bytes"},
		},
		"no database": {
			program: "retry", want: []string{"retry: database-url is not set: set POSTRIDER_DATABASE_URL"},
		},
		"no database to prepare": {
			program: "postrider", args: []string{"bootstrap"}, want: []string{"postrider bootstrap: database-url is not set: set POSTRIDER_DATABASE_URL"},
		},
		"replicas": {
			program: "postrider", env: some, args: []string{"bootstrap", "-replicas=2"}, want: []string{"postrider bootstrap: replicas is 2: must be 1, 3 or 5"},
		},
		"shards": {
			program: "local", env: []string{data, "POSTRIDER_SHARDS=100"}, want: []string{"postrider: shards is 100: must be 1 to 32"},
		},
	}
}

func surroundingsRefused(t *testing.T) map[string]refusal {
	t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	data, newer := "POSTRIDER_DATA_DIR="+t.TempDir(), testkit.Database(t)
	fromTheFuture(t, newer)
	return map[string]refusal{
		"API port": {
			program: "local", env: []string{data, "POSTRIDER_LISTEN=" + taken.Addr().String()},
			want: []string{"open API port", taken.Addr().String(), "address already in use (set POSTRIDER_LISTEN)"},
		},
		"admin port": {
			program: "local", env: []string{data, "POSTRIDER_ADMIN_LISTEN=" + taken.Addr().String()},
			want: []string{"open admin port", "address already in use (set POSTRIDER_ADMIN_LISTEN)"},
		},
		"data folder": { // which not even root can make
			program: "local", env: []string{"POSTRIDER_DATA_DIR=" + filepath.Join(file, "below")},
			want: []string{file, "not a directory", "(set POSTRIDER_DATA_DIR)"},
		},
		"NATS": {
			program: "local", env: []string{data, "POSTRIDER_NATS_URL=nats://u:hidden@" + freeAddress(t)},
			want: []string{"connect to NATS", "(is nats-server running there? set POSTRIDER_NATS_URL)"},
		},
		"database": {
			program: "local", env: []string{data, "POSTRIDER_DATABASE_URL=postgres://u:hidden@" + freeAddress(t) + "/x"},
			want: []string{"reach database", "connection refused (is PostgreSQL running there? set POSTRIDER_DATABASE_URL)"},
		},
		"newer database": {
			program: "local", env: []string{data, "POSTRIDER_DATABASE_URL=" + newer},
			want: []string{"database schema is newer than this program: use the newer version"},
		},
		"newer database for a stage": {
			program: "deliver", env: []string{"POSTRIDER_DATABASE_URL=" + newer},
			want: []string{"deliver: database schema is newer than this program: use the newer version"},
		},
		"database not prepared": {
			program: "dlq", env: []string{"POSTRIDER_DATABASE_URL=" + testkit.EmptyDatabase(t)},
			want: []string{"dlq: database schema is older than this program: run postrider bootstrap"},
		},
	}
}

func (r refusal) check(t *testing.T, bin string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, r.program), r.args...)
	cmd.Env = settings(append([]string{"POSTRIDER_LISTEN=" + freeAddress(t), "POSTRIDER_ADMIN_LISTEN="}, r.env...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ended, ok := errors.AsType[*exec.ExitError](cmd.Run())
	require.True(t, ok, "it started: %s", &stdout)
	require.Equal(t, 1, ended.ExitCode(), &stderr)
	line := stderr.String()
	require.Equal(t, 1, strings.Count(line, "\n"), line)
	for _, want := range r.want {
		require.Contains(t, line, want)
	}
	for _, never := range []string{"goroutine", "hidden"} {
		require.NotContains(t, line, never)
	}
	require.NotContains(t, stdout.String(), "ready")
}

// settings is this environment without Postrider's settings, and those given.
func settings(env ...string) []string {
	var all []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "POSTRIDER_") {
			all = append(all, variable)
		}
	}
	return append(all, env...)
}

// fromTheFuture makes the database look as a newer version would have left it that
// this one does not work with.
func fromTheFuture(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true);
		UPDATE schema_compatibility SET oldest = 99999`)
	require.NoError(t, err)
}
