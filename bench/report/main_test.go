package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/stub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAttached measures a stub that runs in this very process.
func TestAttached(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options stub.Options
		drain   string
		code    int
		says    []string
	}{
		"all is well": {
			options: stub.Options{}, drain: "1m", code: 0,
			says: []string{
				"200/s for 50ms", "saturated for 50ms (4 senders)", "(80 % of that)",
				"| stub ", "MiB", "10 delivered, nothing missing, nothing double",
			},
		},
		"loss": {
			options: stub.Options{Copies: func(n int64) int { return int(n % 2) }}, drain: "100ms", code: exitFailure,
			says: []string{"WRONG: 5 deliveries missing"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Token = "testtoken"
			server := stub.New(test.options)
			at := httptest.NewServer(server)
			ran := make(chan struct{})
			go func() {
				defer close(ran)
				server.Run(t.Context())
			}()
			t.Cleanup(func() {
				<-ran
				at.Close()
			})
			file := filepath.Join(t.TempDir(), "results.md")
			kept, shown := filepath.Join(t.TempDir(), "results.json"), filepath.Join(t.TempDir(), "results.html")
			var out bytes.Buffer
			code := run(t.Context(), []string{
				"-url", at.URL, "-process", fmt.Sprintf("stub=%d", os.Getpid()), "-o", file, "-json", kept, "-html", shown, "-tenants", "2", "-senders", "4",
				"-light", "50ms", "-light-rate", "200", "-saturate", "50ms", "-steady", "50ms", "-drain", test.drain, "-settle", "0",
			}, "testtoken", &out, io.Discard)
			require.Equal(t, test.code, code, out.String())
			for _, words := range test.says {
				require.Contains(t, out.String(), words)
			}
			require.NotContains(t, out.String(), "testtoken")
			written, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, out.String(), string(written))
			run, err := findings.Load(kept)
			require.NoError(t, err)
			require.Len(t, run.Reports, 3)
			require.Equal(t, test.code != 0, run.Reports[0].Broken())
			written, err = os.ReadFile(shown)
			require.NoError(t, err)
			require.Contains(t, string(written), "CPU of each event, µs: stub")
		})
	}
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"help":             {[]string{"-h"}, 0, "-saturate"},
		"unknown flag":     {[]string{"-speed", "9"}, exitUsage, "-speed"},
		"argument":         {[]string{"now"}, exitUsage, "unexpected argument"},
		"no token":         {[]string{"-url", "http://127.0.0.1:1"}, exitUsage, "token is missing"},
		"process of ours":  {[]string{"-process", "x=1"}, exitUsage, "only for a system that runs"},
		"api of ours":      {[]string{"-api", "convoy"}, exitUsage, "only for a system that runs"},
		"unknown api":      {[]string{"-url", "http://127.0.0.1:1", "-token", "x", "-api", "pigeon"}, exitUsage, "none of convoy, outpost"},
		"bad process":      {[]string{"-process", "x=y"}, exitUsage, "is not name=pid"},
		"bad size":         {[]string{"-size", "1"}, exitUsage, "size must be"},
		"negative":         {[]string{"-light", "-1s"}, exitUsage, "not negative"},
		"no directory":     {[]string{"-dir", "/dev/null"}, exitFailure, "make folder of the stack"},
		"nobody there":     {[]string{"-url", "http://127.0.0.1:1", "-token", "x"}, exitFailure, ": prepare load"},
		"process not here": {[]string{"-url", "http://127.0.0.1:1", "-token", "x", "-light", "0", "-saturate", "0", "-o", "/dev/null/x"}, exitFailure, "write report"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults bytes.Buffer
			require.Equal(t, test.code, run(t.Context(), test.args, "", io.Discard, &faults))
			require.Contains(t, faults.String(), test.says)
		})
	}
}

func TestDescribeLoad(t *testing.T) {
	t.Parallel()
	c := sender.Default()
	require.Contains(t, describeLoad(c), "1024 bytes, posted one by one, signed and verified, to 10 applications")
	c.Batch = 10
	require.Contains(t, describeLoad(c), "posted in batches of 10")
	c.API = "outpost"
	require.Contains(t, describeLoad(c), "of outpost, whose signatures are not verified")
}

func TestParseProcess(t *testing.T) {
	t.Parallel()
	name, pid, err := parseProcess("nats-server=42")
	require.NoError(t, err)
	require.Equal(t, "nats-server", name)
	require.Equal(t, 42, pid)
	for _, bad := range []string{"", "42", "x=", "=42", "x=-1", "x=1=2"} {
		_, _, err := parseProcess(bad)
		require.Error(t, err, bad)
	}
}
