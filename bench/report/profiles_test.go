package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

func TestProfiles(t *testing.T) {
	t.Parallel()
	var made bytes.Buffer
	require.NoError(t, (&profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}, DurationNanos: 30e9}).Write(&made))
	answer := made.Bytes()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/debug/pprof/profile" && r.FormValue("seconds") == "30":
			_, _ = w.Write(answer)
		case r.URL.Path == "/broken/debug/pprof/profile":
			_, _ = w.Write(answer[:len(answer)/2])
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	folder := t.TempDir()
	stages := map[string]string{"ingest": server.URL, "deliver": server.URL}
	taken, err := takeProfiles(t.Context(), folder, "saturated", stages, 30*time.Second).wait()
	require.NoError(t, err)
	for name := range stages {
		text, err := os.ReadFile(filepath.Join(folder, "saturated-"+name+".pprof"))
		require.NoError(t, err)
		require.Equal(t, answer, text)
		require.Equal(t, int64(30e9), taken[name].DurationNanos)
	}
	taken, err = takeProfiles(t.Context(), "", "saturated", stages, time.Second).wait()
	require.NoError(t, err, "none are wanted")
	require.Empty(t, taken)

	for at, says := range map[string]string{"/elsewhere": "profile dlq: answered 404", "/broken": "profile dlq: read profile"} {
		_, err = takeProfiles(t.Context(), folder, "light", map[string]string{"dlq": server.URL + at}, time.Second).wait()
		require.ErrorContains(t, err, says)
	}
	_, err = takeProfiles(t.Context(), "/dev/null", "light", stages, 30*time.Second).wait()
	require.ErrorContains(t, err, "/dev/null")
}
