package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, title string, value float64) string {
		r := &findings.Report{Title: title}
		r.Figure("p99, ms", value)
		path := filepath.Join(dir, name)
		require.NoError(t, findings.Run{Reports: []*findings.Report{r}}.Save(path))
		return path
	}
	before, after, other := file("before", "normal", 100), file("after", "normal", 90), file("other", "burst", 1)
	html := filepath.Join(dir, "page.html")
	var out bytes.Buffer
	require.Zero(t, run([]string{"-html", html, before, after}, &out, t.Output()))
	require.Contains(t, out.String(), "0.90")
	text, err := os.ReadFile(html)
	require.NoError(t, err)
	require.Contains(t, string(text), "0.90")

	for _, wrong := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "before.json"},
		{[]string{"-x"}, exitUsage, "-x"},
		{[]string{before}, exitUsage, "name two files"},
		{[]string{before, "nothing"}, exitFailure, "read run"},
		{[]string{"nothing", before}, exitFailure, "read run"},
		{[]string{before, other}, exitFailure, "nothing in common"},
	} {
		var faults bytes.Buffer
		require.Equal(t, wrong.code, run(wrong.args, io.Discard, &faults))
		require.Contains(t, faults.String(), wrong.says)
	}
}
