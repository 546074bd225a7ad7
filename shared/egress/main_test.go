package egress_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/shared/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// allowing makes the policy of an operator who set POSTRIDER_EGRESS_ALLOW so.
func allowing(tb testing.TB, list string, options ...egress.Option) egress.Policy {
	tb.Helper()
	prefixes, err := egress.ParsePrefixes(list)
	require.NoError(tb, err)
	return egress.NewPolicy(prefixes, options...)
}

// reason returns why err blocks, "" if it is nil, and fails on other errors.
func reason(tb testing.TB, err error) egress.Reason {
	tb.Helper()
	if err == nil {
		return ""
	}
	blocked, ok := errors.AsType[*egress.BlockedError](err)
	require.True(tb, ok, "not a BlockedError: %v", err)
	require.NotEmpty(tb, blocked.Reason)
	return blocked.Reason
}

// requireSilent fails if the text of err has an address in it.
func requireSilent(tb testing.TB, err error) {
	tb.Helper()
	for word := range strings.FieldsFuncSeq(err.Error(), func(r rune) bool { return strings.ContainsRune(` "[]/,`, r) }) {
		_, notAddr := netip.ParseAddr(word)
		_, notAddrPort := netip.ParseAddrPort(word)
		require.False(tb, notAddr == nil || notAddrPort == nil, "%q names an address", err)
	}
}
