package main

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/stub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options stub.Options
		drain   string
		code    int
		says    string
	}{
		"all is well": {stub.Options{}, "1m", 0, "nothing missing, nothing double"},
		"loss":        {stub.Options{Copies: func(int64) int { return 0 }}, "200ms", exitFailure, "20 deliveries missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, err := receiver.New(receiver.Options{})
			require.NoError(t, err)
			test.options.Token = "testtoken"
			server := stub.New(test.options)
			from, to := httptest.NewServer(server), httptest.NewServer(sink)
			ran := make(chan struct{})
			go func() {
				defer close(ran)
				server.Run(t.Context())
			}()
			t.Cleanup(func() {
				<-ran
				from.Close()
				to.Close()
			})
			var out bytes.Buffer
			code := run(t.Context(), []string{
				"-url", from.URL, "-sink", to.URL, "-tenants", "2", "-senders", "4",
				"-rate", "200", "-duration", "100ms", "-drain", test.drain, "-settle", "0",
			}, "testtoken", &out, io.Discard)
			require.Equal(t, test.code, code, out.String())
			require.Contains(t, out.String(), test.says)
			require.Contains(t, out.String(), "200 events/s (open loop) for 100ms")
			require.NotContains(t, out.String(), "testtoken")
		})
	}
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args  []string
		token string
		code  int
		says  string
	}{
		"help":         {[]string{"-h"}, "", 0, "-rate"},
		"no token":     {nil, "", exitUsage, "token is missing"},
		"unknown flag": {[]string{"-speed", "9"}, "x", exitUsage, "-speed"},
		"argument":     {[]string{"now"}, "x", exitUsage, "unexpected argument"},
		"no such api":  {[]string{"-api", "pigeon"}, "x", exitUsage, "none of convoy, outpost, svix, webhook-broker"},
		"bad size":     {[]string{"-size", "1"}, "x", exitUsage, "size must be"},
		"bad csv":      {[]string{"-csv", "all"}, "", exitUsage, "neither events nor tenants"},
		"bad day":      {[]string{"-csv", "events", "-day", "1ms"}, "", exitUsage, "day must be"},
		"nobody there": {[]string{"-sink", "http://127.0.0.1:1"}, "x", exitFailure, "prepare load"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults bytes.Buffer
			require.Equal(t, test.code, run(t.Context(), test.args, test.token, io.Discard, &faults))
			require.Contains(t, faults.String(), test.says)
		})
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"-rate", "0"}, "x", io.Discard)
	require.NoError(t, err)
	require.Contains(t, describe(s.load), "as fast as 64 senders can (closed loop)")
}

func TestProfile(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"-profile", "-seed", "9", "-day", "10m", "-tenants", "70", "-rate", "500"}, "x", io.Discard)
	require.NoError(t, err)
	require.Equal(t, 10*time.Minute, s.load.Duration)
	require.InDelta(t, 20_000, s.load.Profile.BurstRate, 1e-6, "forty times the average")
	require.Equal(t,
		"500 events/s on average and 1 bursts of 20000/s a day of 10m0s, for 10m0s, to 70 applications, seed 9, to http://127.0.0.1:8071",
		describe(s.load))
}

func TestCSV(t *testing.T) {
	t.Parallel()
	for what, head := range map[string]string{"events": "at,tenant,endpoints,bytes,burst\n0.0", "tenants": "tenant,endpoint,health\n0,0,"} {
		var out, again bytes.Buffer
		args := []string{"-csv", what, "-day", "10m", "-duration", "2s"}
		require.Zero(t, run(t.Context(), args, "", &out, t.Output()))
		require.Contains(t, out.String(), head)
		require.Zero(t, run(t.Context(), args, "", &again, t.Output()))
		require.Equal(t, out.String(), again.String())
		require.Equal(t, exitFailure, run(t.Context(), args, "", full{}, io.Discard))
	}
}

// full is a disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }
