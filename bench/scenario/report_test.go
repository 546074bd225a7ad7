package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/sender"
)

func TestQuiet(t *testing.T) {
	t.Parallel()
	load := func(p99 float64) quietResult {
		return quietResult{Result: sender.Result{Accepted: 1, Expected: 1, Delivered: 1, Latency: latency.Summary{P99: p99}}}
	}
	lost := load(5)
	lost.Missing = 1
	tests := map[string]struct {
		alone, beside quietResult
		broken        bool
	}{
		"as before":        {load(5), load(5), false},
		"twice":            {load(5), load(10), false},
		"more":             {load(5), load(10.1), true},
		"beyond the top":   {load(90), load(100), true},
		"lost":             {load(5), lost, true},
		"nothing was sent": {quietResult{}, load(0), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &report{&findings.Report{}}
			r.quiet(test.alone, test.beside, 2, findings.Below(quietTop))
			require.Equal(t, test.broken, r.Broken())
		})
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	r := &report{&findings.Report{}}
	r.complete("all", sender.Result{}, sender.Result{})
	require.False(t, r.Broken())
	r.complete("all", sender.Result{}, sender.Result{Duplicates: 1})
	require.True(t, r.Broken())
}
