package trace

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

func open(t *testing.T, url string, log zerolog.Logger) *Exporter {
	t.Helper()
	e, err := Open(t.Context(), Options{Endpoint: url, Version: "test", Log: log})
	require.NoError(t, err)
	return e
}

func spans(e *Exporter, n int) {
	tracer := e.Tracer("deliver")
	for range n {
		tracer.Send(theirs, "deliver.s00.a.b", About{}).End("")
	}
}

// TestHangingCollector: spans that nobody takes keep nobody waiting, and are dropped
// when there are too many, counted.
func TestHangingCollector(t *testing.T) {
	t.Parallel()
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)
	e := open(t, server.URL, zerolog.Nop())
	spans(e, 1)
	<-asked
	const beyond = 100
	spans(e, queued+beyond)
	require.EqualValues(t, beyond, e.Dropped(), "those that there is no room for")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.Close(ctx)
	require.EqualValues(t, 1+queued+beyond, e.Dropped(), "and in the end all")
	require.Zero(t, e.Exported())
	spans(e, 1)
	require.EqualValues(t, 2+queued+beyond, e.Dropped(), "also what comes afterwards")
}

// TestCollectorThatRefuses is told of once, and when it is over.
func TestCollectorThatRefuses(t *testing.T) {
	t.Parallel()
	var refuses atomic.Bool
	refuses.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuses.Load() {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write(bytes.Repeat([]byte("no "), 10_000))
		}
	}))
	defer server.Close()
	var log bytes.Buffer
	e := open(t, server.URL, zerolog.New(&log))
	for n := range 3 {
		spans(e, 1)
		testkit.Eventually(t, func() bool { return e.Dropped() == uint64(n+1) }, "dropped")
	}
	refuses.Store(false)
	spans(e, 10)
	e.Close(t.Context())
	require.EqualValues(t, 3, e.Dropped())
	require.EqualValues(t, 10, e.Exported(), "what is queued is sent before the end")
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("\n")), log.String())
	require.Less(t, log.Len(), 1000)
}

// TestAwayCollector: one that is not there is no reason not to start, nor to end late.
func TestAwayCollector(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	e := open(t, server.URL, zerolog.Nop())
	spans(e, 10)
	began := time.Now()
	e.Close(t.Context())
	require.Less(t, time.Since(began), 2*exportTimeout)
	require.EqualValues(t, 10, e.Dropped())
}

// TestOff: without an endpoint there is nothing, and it can be used all the same.
func TestOff(t *testing.T) {
	t.Parallel()
	e := open(t, "", zerolog.Nop())
	require.Nil(t, e)
	spans(e, 1)
	require.Zero(t, e.Exported()+e.Dropped())
	e.Close(t.Context())
}

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "http://collector:4318", "https://otlp.example.com/otlp/v1/traces", "http://[::1]:4318/"} {
		require.NoError(t, CheckEndpoint(good), good)
	}
	for _, bad := range []string{"collector:4318", "grpc://collector:4317", "http://", "http://user:secret@collector", "http://c?a=b", "http://c#d", "http://%"} {
		err := CheckEndpoint(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}
