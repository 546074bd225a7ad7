package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/testkit"
)

func TestAdminPort(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.AdminListen = freeAddress(t)
	url := "http://" + settings.AdminListen
	finish := make(chan struct{})
	able := &fake{name: "able", run: func(ctx context.Context, _ Env) error {
		<-ctx.Done()
		<-finish
		return nil
	}}
	unable := &fake{name: "unable", notReady: errors.New("has no\nhands")}
	p := start(t, settings, able, unable)

	ready := func() (int, map[string]string) {
		status, body, header := get(t, url+"/readyz")
		var stages map[string]string
		if status != 0 {
			require.Equal(t, "application/json", header.Get("Content-Type"))
			require.NoError(t, json.Unmarshal([]byte(body), &stages))
		}
		return status, stages
	}
	testkit.Eventually(t, func() bool { _, stages := ready(); return len(stages) == 2 }, "both stages are told of")
	status, stages := ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, map[string]string{"able": "ok", "unable": "has no; hands"}, stages)

	status, body, _ := get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, status, "it lives, whatever it waits for")
	require.Equal(t, "ok\n", body)
	requireMetrics(t, url)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1"} {
		status, body, _ = get(t, url+path)
		require.Equal(t, http.StatusOK, status, path)
		require.NotEmpty(t, body, path)
	}

	p.stop()
	testkit.Eventually(t, func() bool { _, stages := ready(); return stages["able"] == "draining" }, "not ready while it drains")
	status, _ = ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	close(finish)
	require.NoError(t, p.wait(t))
	status, _, _ = get(t, url+"/healthz")
	require.Zero(t, status, "the port is closed at the end")
}

func requireMetrics(t *testing.T, url string) {
	t.Helper()
	status, body, _ := get(t, url+"/metrics")
	require.Equal(t, http.StatusOK, status)
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	require.NoError(t, err, "valid text format")
	require.Empty(t, problems)
	require.Contains(t, body, `postrider_build_info{version="dev"} 1`)
	for _, line := range []string{
		"go_goroutines", `postrider_stage_ready{stage="able"} 1`, "postrider_nats_connected 1",
		`postrider_nats_bytes_total{direction="out"}`, `postrider_postgres_pool_max_connections{pool="main",stage=""} 3`,
	} {
		require.Contains(t, body, line)
	}
}

// TestAdminPortIsPrivate: nobody but this machine sees it, unless somebody says so.
func TestAdminPortIsPrivate(t *testing.T) {
	t.Parallel()
	var settings Settings
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	settings.Flags(fs)
	require.NoError(t, Parse(fs, nil, func(string) (string, bool) { return "", false }))
	address, err := netip.ParseAddrPort(settings.AdminListen)
	require.NoError(t, err)
	require.True(t, address.Addr().IsLoopback(), settings.AdminListen)
}

func TestReady(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.AdminListen = freeAddress(t)
	start(t, settings, &fake{name: "able"})
	testkit.Eventually(t, func() bool {
		status, _, _ := get(t, "http://"+settings.AdminListen+"/readyz")
		return status == http.StatusOK
	}, "ready")
}

func TestHealthTellsOfServersThatWentAway(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	testkit.Connect(t, server.URL())
	settings := good(t)
	settings.NATSURL = secret.NewURL(server.URL())
	health := make(chan error)
	start(t, settings, &fake{name: "able", ready: Env.Health, run: func(ctx context.Context, env Env) error {
		for ctx.Err() == nil {
			select {
			case health <- env.Health(ctx):
			case <-ctx.Done():
			}
		}
		return nil
	}})
	require.NoError(t, <-health)
	server.Stop()
	testkit.Eventually(t, func() bool { return <-health != nil }, "NATS went away")
}

// TestDenied: a right that is missing at NATS is told with its subject, counted, and
// makes the process not ready, even where the stage itself goes on.
func TestDenied(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users.conf")
	require.NoError(t, os.WriteFile(users, []byte(`no_auth_user: weak, authorization { users: [
		{ user: weak, permissions: { publish: { deny: "signal.>" } } } ] }`), 0o600))
	settings := good(t)
	settings.NATSURL = secret.NewURL(testkit.NATSWithUsers(t, users).URL())
	testkit.Connect(t, settings.NATSURL.Reveal())
	settings.AdminListen = freeAddress(t)
	lane := event.OwnLane{Tenant: event.NewID()}
	act := make(chan struct{})
	start(t, settings, &fake{name: "able", run: func(ctx context.Context, env Env) error {
		<-act
		env.Bus.Signal(lane)
		<-ctx.Done()
		return nil
	}})
	ready := func() (int, string) {
		status, body, _ := get(t, "http://"+settings.AdminListen+"/readyz")
		return status, body
	}
	testkit.Eventually(t, func() bool { status, _ := ready(); return status == http.StatusOK }, "ready")
	close(act)
	testkit.Eventually(t, func() bool { status, _ := ready(); return status == http.StatusServiceUnavailable }, "not ready")
	_, body := ready()
	require.Contains(t, body, "publish to signal."+lane.Subject())
	_, body, _ = get(t, "http://"+settings.AdminListen+"/metrics")
	require.Contains(t, body, "postrider_nats_denied_total 1\n")
	testkit.Eventually(t, func() bool {
		_, body, _ := get(t, "http://"+settings.AdminListen+"/metrics")
		return strings.Contains(body, `postrider_blocked{on="nats"} 1`)
	}, "told like all that a process waits for")
}

// TestReport: what is denied is an error with its subject in the log, and once a
// second is enough.
func TestReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		tell := report(zerolog.New(&out))
		for range 3 {
			tell(&bus.DeniedError{Action: "publish", Subject: "events.batch"})
		}
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), `"level":"error"`)
		require.Contains(t, out.String(), `"action":"publish","subject":"events.batch"`)
		time.Sleep(time.Second)
		tell(&bus.DeniedError{Action: "publish", Subject: "events.batch"})
		require.Equal(t, 2, strings.Count(out.String(), "\n"))
		tell(nats.ErrSlowConsumer)
		require.Contains(t, out.String(), "NATS reports")
	})
}
