package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	s, err := parse([]string{"-seed", "7", "-for", "30s", "-rate", "50", "kill"}, &said)
	require.NoError(t, err, said.String())
	require.Equal(t, uint64(7), s.seed)
	require.Equal(t, 30*time.Second, s.span)
	require.InDelta(t, 50, s.rate, 0)
	require.Len(t, s.faults, 1)
	require.Equal(t, "kill", s.faults[0].name)

	s, err = parse([]string{"all"}, &said)
	require.NoError(t, err)
	require.Len(t, s.faults, len(faults()))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"name a fault":           nil,
		`no fault "earthquake"`:  {"kill", "earthquake"},
		"must not be negative":   {"-rate", "-1", "kill"},
		"flag provided but not":  {"-speed", "kill"},
		"invalid value \"soon\"": {"-for", "soon", "kill"},
	} {
		var said strings.Builder
		require.Equal(t, exitUsage, run(t.Context(), args, &said, &said), args)
		require.Contains(t, said.String(), name)
	}
	var said strings.Builder
	require.Zero(t, run(t.Context(), []string{"-h"}, &said, &said))
	for _, f := range faults() {
		require.Contains(t, said.String(), f.name)
	}
}

// TestRoles: a tenth of all endpoints fails, in every way that there is.
func TestRoles(t *testing.T) {
	t.Parallel()
	bad := map[string]int{}
	for _, r := range failures() {
		bad[r.name] = 0
	}
	seen, failing := map[string]int{}, 0
	for tenant := range tenants {
		for i := range fanOut {
			r := roleOf(tenant, i)
			seen[r.name]++
			if _, fails := bad[r.name]; fails {
				failing++
			}
		}
	}
	require.Equal(t, tenants*fanOut/10, failing)
	for _, r := range append(failures(), oddities()...) {
		require.Positive(t, seen[r.name], r.name)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	sum := 0.0
	for _, l := range loads(0) {
		sum += l.share
	}
	require.InDelta(t, 1, sum, 1e-9)
}
