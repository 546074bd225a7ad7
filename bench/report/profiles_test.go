package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProfiles(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/pprof/profile" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, "of %s seconds", r.FormValue("seconds"))
	}))
	defer server.Close()
	folder := t.TempDir()
	stages := map[string]string{"ingest": server.URL, "deliver": server.URL}
	require.NoError(t, takeProfiles(t.Context(), folder, "saturated", stages, 30*time.Second).wait())
	for name := range stages {
		text, err := os.ReadFile(filepath.Join(folder, "saturated-"+name+".pprof"))
		require.NoError(t, err)
		require.Equal(t, "of 30 seconds", string(text))
	}

	stages["dlq"] = server.URL + "/elsewhere"
	require.NoError(t, takeProfiles(t.Context(), "", "saturated", stages, time.Second).wait(), "none are wanted")
	require.ErrorContains(t, takeProfiles(t.Context(), folder, "light", stages, time.Second).wait(), "profile dlq: answered 404")
	delete(stages, "dlq")
	require.ErrorContains(t, takeProfiles(t.Context(), "/dev/null", "light", stages, time.Second).wait(), "/dev/null")
}
