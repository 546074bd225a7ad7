package main

import (
	"bytes"
	"io"
	"net/http/httptest"
	"testing"

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
		"bad size":     {[]string{"-size", "1"}, "x", exitUsage, "size must be"},
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
	config, err := parse([]string{"-rate", "0"}, "x", io.Discard)
	require.NoError(t, err)
	require.Contains(t, describe(config), "as fast as 64 senders can (closed loop)")
}
