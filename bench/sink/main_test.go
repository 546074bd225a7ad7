package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/shared/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// console is what a program prints, line by line as it comes.
type console chan string

func (c console) Write(text []byte) (int, error) {
	c <- string(text)
	return len(text), nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	key := signature.GenerateKey()
	ctx, stop := context.WithCancel(t.Context())
	out, code := make(console, 10), make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"-listen", "127.0.0.1:0", "-secret", "/hook=" + key.Public()}, out, io.Discard)
	}()
	_, url, _ := strings.Cut(<-out, "listens on ")
	url, _, _ = strings.Cut(url, " ")

	body, now := `{"amount":7}`, time.Now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"hook", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("webhook-id", "msg_1")
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature.Header([]signature.Key{key}, "msg_1", now, []byte(body)))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	line := <-out
	require.Contains(t, line, "msg_1  signature ok  answered 200")
	require.Contains(t, line, body)

	stop()
	require.Zero(t, <-code)
	require.Contains(t, <-out, "1 deliveries in 1 requests: 1 accepted")
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"help":         {[]string{"-h"}, 0, "-secret"},
		"unknown flag": {[]string{"-port", "80"}, exitUsage, "-port"},
		"argument":     {[]string{"http://x"}, exitUsage, "unexpected argument"},
		"bad secret":   {[]string{"-secret", "hunter2"}, exitFailure, "read secrets"},
		"bad path":     {[]string{"-secret", "/x=hunter2"}, exitFailure, "use secret of /x"},
		"bad address":  {[]string{"-listen", "nowhere"}, exitFailure, "listen"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults bytes.Buffer
			require.Equal(t, test.code, run(t.Context(), test.args, io.Discard, &faults))
			require.Contains(t, faults.String(), test.says)
			require.NotContains(t, faults.String(), "hunter2")
		})
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	require.NotContains(t, totals(receiver.Counts{}), "remember")
	require.Contains(t, totals(receiver.Counts{Forgotten: 3}), "3 beyond what is remembered")
	require.Contains(t, totals(receiver.Counts{Unidentified: 2}), "2 without webhook-id")
}
