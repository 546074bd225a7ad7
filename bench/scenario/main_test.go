package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/stub"
	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMisuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"help":          {[]string{"-h"}, 0, "dead-neighbour"},
		"nothing":       {nil, suite.ExitUsage, "name a scenario"},
		"unknown":       {[]string{"limit", "limits"}, suite.ExitUsage, `no scenario "limits"`},
		"unknown flag":  {[]string{"-speed", "9", "all"}, suite.ExitUsage, "-speed"},
		"no scale":      {[]string{"-scale", "0", "all"}, suite.ExitUsage, "scale must be"},
		"too large":     {[]string{"-scale", "2", "all"}, suite.ExitUsage, "scale must be"},
		"part, no load": {[]string{noisePart}, suite.ExitFailure, "read load"},
		"part, no key":  {[]string{sinkPart}, suite.ExitFailure, "read secret"},
		"part, no plan": {[]string{siegePart}, suite.ExitFailure, "read siege"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults bytes.Buffer
			require.Equal(t, test.code, run(t.Context(), test.args, strings.NewReader(""), io.Discard, &faults))
			require.Contains(t, faults.String(), test.says)
		})
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	whole, part := &bench{scale: 1}, &bench{scale: 0.01}
	require.Equal(t, 100, whole.count(100))
	require.Equal(t, 1, part.count(100))
	require.Equal(t, 1, part.count(3), "something is left")
	require.Equal(t, int64(20_000), whole.events(20_000, 100))
	require.Equal(t, int64(200), part.events(20_000, 100))
	require.Equal(t, int64(100), part.events(5_000, 100), "whole batches")
	require.Equal(t, time.Minute, whole.span(time.Minute))
	require.Equal(t, time.Second, part.span(time.Minute))
	require.Equal(t, time.Millisecond, part.span(time.Millisecond))
}

// TestParts has what makes noise send to what receives it, each as it is in a
// process of its own.
func TestParts(t *testing.T) {
	t.Parallel()
	key := signature.GenerateKey().Reveal()
	in, said := io.Pipe()
	heard, out := io.Pipe()
	served := make(chan int, 1)
	go func() { served <- run(t.Context(), []string{sinkPart}, in, out, io.Discard) }()
	_, err := io.WriteString(said, key+"\n")
	require.NoError(t, err)
	address, err := bufio.NewReader(heard).ReadString('\n')
	require.NoError(t, err)

	at := newSink(strings.TrimSpace(address))
	server, load := stubbed(t, at)
	text, err := json.Marshal(load)
	require.NoError(t, err)
	var result bytes.Buffer
	require.Zero(t, run(t.Context(), []string{noisePart}, bytes.NewReader(text), &result, t.Output()))
	var made sender.Result
	require.NoError(t, json.Unmarshal(result.Bytes(), &made))
	require.Equal(t, int64(20), made.Accepted)
	require.Equal(t, 1, server.Applications())

	counts, err := at.await(t.Context(), loudClass, time.Minute, func(c receiver.Counts) bool { return c.BadSignatures == 20 })
	require.NoError(t, err, "the stub has keys of its own")
	require.Zero(t, counts.Distinct)
	require.NoError(t, at.behave(t.Context(), "/x", "status=503"))
	require.NoError(t, at.forget(t.Context(), loudClass))
	_, err = at.await(t.Context(), loudClass, 0, func(c receiver.Counts) bool { return c.Requests > 0 })
	require.ErrorIs(t, err, errTooLate)
	require.NoError(t, at.close())
	require.NoError(t, said.Close())
	require.Zero(t, <-served)
}

// stubbed is a server with one application, and a load for it.
func stubbed(t *testing.T, at *sink) (*stub.Server, sender.Config) {
	t.Helper()
	server := stub.New(stub.Options{Token: "testtoken"})
	listening := httptest.NewServer(server)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		server.Run(t.Context())
	}()
	t.Cleanup(func() {
		<-ran
		listening.Close()
	})
	s := &system{api: rest.New(listening.URL, "testtoken", 1), loud: at}
	defer s.api.Close()
	to, err := s.tenant(t.Context(), "loud", nil, endpoint{at: at, path: "/x", behaviour: "class=" + loudClass})
	require.NoError(t, err)
	require.Equal(t, []string{"/x"}, to.Paths)
	return server, sender.Config{
		URL: listening.URL, Token: "testtoken", Sink: at.url, Tenants: 1, Targets: []sender.Target{to}, Class: loudClass,
		Events: 20, Batch: 10, Senders: 2, Duration: time.Minute, Size: 100,
	}
}
