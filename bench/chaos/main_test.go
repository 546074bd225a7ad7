package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMisuse(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"name a fault":           nil,
		"must not be negative":   {"-settle", "-1s", "kill"},
		"flag provided but not":  {"-speed", "kill"},
		"invalid value \"soon\"": {"-for", "soon", "kill"},
	} {
		var said strings.Builder
		require.Equal(t, suite.ExitUsage, program(&settings{}).Run(t.Context(), args, &said, &said), args)
		require.Contains(t, said.String(), says)
	}
	var said strings.Builder
	require.Zero(t, program(&settings{}).Run(t.Context(), []string{"-h"}, &said, &said))
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
