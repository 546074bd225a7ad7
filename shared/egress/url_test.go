package egress_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
)

// TestCheckURL takes what a line of the table cannot be.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	long := "https://example.com/" + strings.Repeat("a", egress.MaxURL-len("https://example.com/"))
	for name, tc := range map[string]struct {
		url  string
		want egress.Reason
	}{
		"longest":               {long, ""},
		"too long":              {long + "a", egress.ReasonLength},
		"too long when escaped": {long[:len(long)-2] + "ü", egress.ReasonLength},
		"long label":            {"http://" + strings.Repeat("a", 64) + ".com/", egress.ReasonHost},
		"long name":             {"http://" + strings.Repeat("a.", 126) + "com/", egress.ReasonHost},
		"not UTF-8":             {"http://ex\xffample.com/", egress.ReasonHost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := egress.Policy{}.CheckURL(tc.url)
			require.Equal(t, tc.want, reason(t, err))
			if err != nil {
				requireSilent(t, err)
			}
		})
	}
}

func TestCheckURLAllowed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		allow, url string
		want       egress.Reason
	}{
		"literal":                             {"127.0.0.0/8", "http://127.0.0.1:22/", ""},
		"literal beside it":                   {"127.0.0.0/8", "http://10.0.0.1/", egress.ReasonAddress},
		"mapped literal":                      {"127.0.0.0/8", "http://[::ffff:7f00:1]/", ""},
		"circled literal":                     {"127.0.0.0/8", "http://①②⑦.⓪.⓪.①/", ""},
		"short literal":                       {"127.0.0.0/8", "http://127.1/", egress.ReasonHost},
		"metadata":                            {"0.0.0.0/0", "http://169.254.169.254/", egress.ReasonAddress},
		"localhost":                           {"127.0.0.0/8", "http://localhost:3000/", ""},
		"localhost over IPv6":                 {"::1", "http://localhost/", ""},
		"localhost on any port":               {"127.0.0.1", "http://localhost:22/", ""},
		"below localhost":                     {"127.0.0.0/8", "http://a.localhost/", ""},
		"localhost with only private allowed": {"10.0.0.0/8", "http://localhost/", egress.ReasonName},
		"single label with only loopback":     {"127.0.0.0/8,::1", "http://receiver/", egress.ReasonName},
		"port with only loopback":             {"127.0.0.0/8", "http://example.com:22/", egress.ReasonPort},
		"single label with private allowed":   {"172.16.0.0/12", "http://receiver:8080/", ""},
		"service with private allowed":        {"10.0.0.0/8", "http://x.default.svc.cluster.local/", ""},
		"port with private allowed":           {"10.0.0.0/8", "http://hooks.example.com:81/", ""},
		"decimal with private allowed":        {"10.0.0.0/8", "http://167772161/", egress.ReasonHost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, reason(t, allowing(t, tc.allow).CheckURL(tc.url)))
		})
	}
}

func TestCheckURLHTTPSOnly(t *testing.T) {
	t.Parallel()
	for on, want := range map[bool]egress.Reason{true: egress.ReasonHTTPSOnly, false: ""} {
		p := allowing(t, "127.0.0.0/8", egress.HTTPSOnly(on))
		require.Equal(t, want, reason(t, p.CheckURL("http://127.0.0.1/")))
		require.Equal(t, want, reason(t, p.CheckURL("http://example.com/")))
		require.NoError(t, p.CheckURL("https://example.com/"))
	}
}

func TestNormalizeURL(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ url, want string }{
		"slash":            {"https://example.com", "https://example.com/"},
		"case":             {"HTTPS://Example.COM/Path?Q=A", "https://example.com/Path?Q=A"},
		"query, no path":   {"https://example.com?a=b", "https://example.com/?a=b"},
		"default ports":    {"https://example.com:443/a", "https://example.com/a"},
		"default of http":  {"http://example.com:80", "http://example.com/"},
		"other's default":  {"http://example.com:443", "http://example.com:443/"},
		"leading zero":     {"http://example.com:08080", "http://example.com:8080/"},
		"empty port":       {"http://example.com:/", "http://example.com/"},
		"user":             {"http://Us:P%40ss@Example.com", "http://Us:P%40ss@example.com/"},
		"escapes":          {"https://example.com/a%2Fb/%7Ec", "https://example.com/a%2Fb/%7Ec"},
		"foreign path":     {"https://example.com/ü?ü=\"1 2\"", "https://example.com/%C3%BC?%C3%BC=%221%202%22"},
		"foreign host":     {"https://BÜCHER.example.com/", "https://xn--bcher-kva.example.com/"},
		"IPv6":             {"http://[2606:4700:4700:0::1111]:8080", "http://[2606:4700:4700::1111]:8080/"},
		"IPv6 without one": {"http://[2606:4700:4700::ABCD]", "http://[2606:4700:4700::abcd]/"},
		"dots in the path": {"https://example.com/a/../b//c", "https://example.com/a/../b//c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := egress.Policy{}.NormalizeURL(tc.url)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
	_, err := egress.Policy{}.NormalizeURL("http://user:secret@127.0.0.1/")
	require.Equal(t, egress.ReasonAddress, reason(t, err))
	require.NotContains(t, err.Error(), "secret")
}

// FuzzNormalizeURL accepts no URL that the client could not send or that it
// would take to an address that is refused, and changes an URL once only.
func FuzzNormalizeURL(f *testing.F) {
	for _, e := range table(f, "urls.txt") {
		f.Add(e.text)
	}
	for _, seed := range []string{"http://u:p@[::1]:1/", "http://localhost.", "http://a%E3%80%82b/", "HTTP://X.Y?#", "http://x.y/%zz? <>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		normal, err := egress.Policy{}.NormalizeURL(raw)
		if err != nil {
			reason(t, err)
			require.Empty(t, normal)
			return
		}
		again, err := egress.Policy{}.NormalizeURL(normal)
		require.NoError(t, err)
		require.Equal(t, normal, again)

		for i := range len(normal) {
			require.True(t, normal[i] > ' ' && normal[i] < 0x7f, "%q", normal)
		}
		r, err := http.NewRequest(http.MethodPost, normal, http.NoBody)
		require.NoError(t, err)
		if addr, err := netip.ParseAddr(r.URL.Hostname()); err == nil {
			require.NoError(t, egress.Policy{}.Check(netip.AddrPortFrom(addr, 443)))
		}
	})
}

// TestClientAgrees asks the client itself for the host that it dials for each
// accepted form: it must be the one that was judged.
func TestClientAgrees(t *testing.T) {
	t.Parallel()
	errAsked := errors.New("only asked")
	for _, raw := range []string{"http://BÜCHER.example.com/", "http://8。8。8。8/", "http://[2606:4700::ABCD]/", "http://faß.example.com/"} {
		normal, err := egress.Policy{}.NormalizeURL(raw)
		require.NoError(t, err)
		var dialled []string
		for _, form := range []string{raw, normal} {
			client := http.Client{Transport: &http.Transport{DialContext: refuseTo(&dialled, errAsked)}}
			_, err := client.Get(form) //nolint:bodyclose // there is no answer
			require.ErrorIs(t, err, errAsked)
		}
		require.Len(t, dialled, 2)
		require.True(t, strings.EqualFold(dialled[0], dialled[1]), "%q", dialled)
	}
}
