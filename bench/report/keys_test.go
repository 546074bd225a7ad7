package main

import (
	"bytes"
	"io"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/stub"
)

func TestKeyCost(t *testing.T) {
	t.Parallel()
	c := keyCost{without: []float64{100, 300, 80, 120}, with: []float64{132, 1, 132}}
	require.InDelta(t, 1.2, c.ratio(), 1e-9)
	require.Contains(t, c.String(), "110.0 µs of CPU over all processes without an idempotency key and 132.0 µs with one: +20 %")
}

// TestKeysAreMeasured looks at what is said, and not at how much it is: the turns
// are too short for that.
func TestKeysAreMeasured(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(stub.New(stub.Options{Token: "testtoken"}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	run(t.Context(), []string{
		"-url", server.URL, "-process", "stub=" + strconv.Itoa(os.Getpid()), "-tenants", "2", "-senders", "4",
		"-light", "0", "-saturate", "0", "-keys", "20ms", "-settle", "0",
	}, "testtoken", &out, io.Discard)
	require.Contains(t, out.String(), "medians of 5 turns each")
}
