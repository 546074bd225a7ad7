package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

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
	require.Contains(t, body, "go_goroutines")
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
	settings.NATSURL = server.URL()
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
