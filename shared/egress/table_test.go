package egress_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
)

// entry is a line of the tables in testdata, which are published for others'
// guards as well.
type entry struct {
	want egress.Reason // "" if it is allowed
	text string        // the address or the URL
	what string
}

func table(tb testing.TB, name string) []entry {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(tb, err)
	var entries []entry
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verdict, rest, ok := strings.Cut(line, " ")
		require.True(tb, ok, "%q", line)
		e := entry{want: egress.Reason(verdict)}
		if verdict == "allowed" {
			e.want = ""
		}
		e.text, e.what = cutText(tb, strings.TrimSpace(rest))
		require.NotEmpty(tb, e.what, "%q", line)
		entries = append(entries, e)
	}
	return entries
}

// cutText cuts off the first word, or the JSON string that is there.
func cutText(tb testing.TB, line string) (text, rest string) {
	tb.Helper()
	if !strings.HasPrefix(line, `"`) {
		text, rest, _ = strings.Cut(line, " ")
		return text, strings.TrimSpace(rest)
	}
	decoder := json.NewDecoder(strings.NewReader(line))
	require.NoError(tb, decoder.Decode(&text), "%q", line)
	return text, strings.TrimSpace(line[decoder.InputOffset():])
}

// hostile returns the addresses of the table that are refused.
func hostile(tb testing.TB) []netip.Addr {
	tb.Helper()
	var refused []netip.Addr
	for _, e := range table(tb, "addresses.txt") {
		if e.want != "" {
			refused = append(refused, netip.MustParseAddr(e.text))
		}
	}
	return refused
}

// TestAddressTable takes the decision, and that of the dialer, on each address.
// None of them is dialled.
func TestAddressTable(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(hostile(t)), 63)
	for _, e := range table(t, "addresses.txt") {
		t.Run(e.text, func(t *testing.T) {
			t.Parallel()
			target := netip.AddrPortFrom(netip.MustParseAddr(e.text), 443)
			for _, p := range []egress.Policy{{}, egress.NewPolicy(nil), allowing(t, "203.0.113.99")} {
				err := p.Check(target)
				require.Equal(t, e.want, reason(t, err), e.what)
				if err != nil {
					requireSilent(t, err)
				}
				require.Equal(t, e.want, reason(t, p.Control(t.Context(), "tcp6", target.String(), nil)), e.what)
			}
		})
	}
}

func TestURLTable(t *testing.T) {
	t.Parallel()
	var refused int
	for _, e := range table(t, "urls.txt") {
		if e.want != "" {
			refused++
		}
		t.Run(e.what, func(t *testing.T) {
			t.Parallel()
			err := egress.Policy{}.CheckURL(e.text)
			require.Equal(t, e.want, reason(t, err), "%q", e.text)
			if err != nil {
				requireSilent(t, err)
			}
		})
	}
	require.GreaterOrEqual(t, refused, 30)
}
