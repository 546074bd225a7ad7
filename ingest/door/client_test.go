package door

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func networks(t *testing.T, texts ...string) Proxies {
	t.Helper()
	var all Proxies
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		require.NoError(t, err)
		all = append(all, network)
	}
	return all
}

// TestClient: headers count only where a proxy of ours has written them.
func TestClient(t *testing.T) {
	t.Parallel()
	proxies := networks(t, "10.0.0.0/8", "2001:db8:1::/48")
	for name, test := range map[string]struct {
		peer, forwardedFor, forwarded, client string
	}{
		"no proxy":                       {"192.0.2.1:7", "", "", "192.0.2.1/32"},
		"no proxy, but says so":          {"192.0.2.1:7", "198.51.100.1", "for=198.51.100.1", "192.0.2.1/32"},
		"a proxy":                        {"10.1.1.1:7", "198.51.100.1", "", "198.51.100.1/32"},
		"a proxy, other header":          {"10.1.1.1:7", "", "for=198.51.100.1;proto=https", "198.51.100.1/32"},
		"a proxy that says nothing":      {"10.1.1.1:7", "", "", "10.1.1.1/32"},
		"two proxies":                    {"10.1.1.1:7", "198.51.100.1, 10.2.2.2", "", "198.51.100.1/32"},
		"two proxies, in two lines":      {"10.1.1.1:7", "198.51.100.1\n10.2.2.2", "", "198.51.100.1/32"},
		"a client with a tale":           {"10.1.1.1:7", "203.0.113.9, 198.51.100.1", "", "198.51.100.1/32"},
		"a client that tells of a proxy": {"10.1.1.1:7", "10.2.2.2, 198.51.100.1", "", "198.51.100.1/32"},
		"a header of the client's own":   {"10.1.1.1:7", "198.51.100.1", "for=203.0.113.9", "10.1.1.1/32"},
		"two headers that agree":         {"10.1.1.1:7", "198.51.100.1", `For="198.51.100.1:8"`, "198.51.100.1/32"},
		"what cannot be read":            {"10.1.1.1:7", "198.51.100.1, what, 10.2.2.2", "", "10.2.2.2/32"},
		"unknown":                        {"10.1.1.1:7", "", "for=unknown", "10.1.1.1/32"},
		"only proxies":                   {"10.1.1.1:7", "10.3.3.3, 10.2.2.2", "", "10.3.3.3/32"},
		"a customer of IPv6":             {"[2001:db8:2:3:4:5:6:7]:7", "", "", "2001:db8:2:3::/64"},
		"a proxy of IPv6":                {"[2001:db8:1::7]:7", "", `for="[2001:db8:2:3::7]:80"`, "2001:db8:2:3::/64"},
		"IPv4 in IPv6":                   {"[::ffff:192.0.2.1]:7", "", "", "192.0.2.1/32"},
		"a proxy of IPv4 in IPv6":        {"[::ffff:10.0.2.1]:7", "::ffff:192.0.2.1", "", "192.0.2.1/32"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
			if test.forwardedFor != "" {
				r.Header["X-Forwarded-For"] = strings.Split(test.forwardedFor, "\n")
			}
			if test.forwarded != "" {
				r.Header["Forwarded"] = strings.Split(test.forwarded, "\n")
			}
			require.Equal(t, test.client, proxies.Client(r).String())
		})
	}
}

// TestClientCannotChoose: whatever a client says of itself, it cannot be taken for
// another one.
func TestClientCannotChoose(t *testing.T) {
	t.Parallel()
	proxies := networks(t, "10.0.0.0/8")
	tale := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{"10.0.0.9", "203.0.113.9", "for=203.0.113.9", "", ",", ";", `"`, "[::1]:9", "for=10.0.0.9"}),
		rapid.String()), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		r := &http.Request{RemoteAddr: "10.0.0.1:7", Header: http.Header{
			"X-Forwarded-For": append(tale.Draw(t, "X-Forwarded-For"), "198.51.100.1"), // the proxy adds this
		}}
		if own := tale.Draw(t, "Forwarded"); len(own) > 0 {
			r.Header["Forwarded"] = own
		}
		require.Contains(t, []string{"198.51.100.1/32", "10.0.0.1/32"}, proxies.Client(r).String())
	})
}
