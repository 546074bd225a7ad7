package egress_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
)

func ExamplePolicy_Check() {
	allow, err := egress.ParsePrefixes("10.1.0.0/16")
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := egress.NewPolicy(allow)
	for _, target := range []string{"8.8.8.8:443", "8.8.8.8:5432", "10.1.2.3:5432", "10.2.0.1:443", "169.254.169.254:80"} {
		fmt.Println(target, policy.Check(netip.MustParseAddrPort(target)))
	}
	// Output:
	// 8.8.8.8:443 <nil>
	// 8.8.8.8:5432 port is not allowed
	// 10.1.2.3:5432 <nil>
	// 10.2.0.1:443 address is not allowed
	// 169.254.169.254:80 address is not allowed
}

func TestCheckPorts(t *testing.T) {
	t.Parallel()
	public, private := netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("10.0.0.1")
	p := allowing(t, "10.0.0.0/8")
	for port, want := range map[uint16]egress.Reason{
		80: "", 443: "", 1024: "", 3000: "", 8000: "", 8080: "", 8443: "", 9443: "", 65535: "",
		1: egress.ReasonPort, 22: egress.ReasonPort, 25: egress.ReasonPort, 53: egress.ReasonPort, 1023: egress.ReasonPort,
		2375: egress.ReasonPort, 4222: egress.ReasonPort, 5432: egress.ReasonPort, 6379: egress.ReasonPort,
		9200: egress.ReasonPort, 10250: egress.ReasonPort, 11211: egress.ReasonPort,
	} {
		require.Equal(t, want, reason(t, p.Check(netip.AddrPortFrom(public, port))), "port %d", port)
		require.NoError(t, p.Check(netip.AddrPortFrom(private, port)), "port %d", port)
	}
	require.Equal(t, egress.ReasonAddress, reason(t, p.Check(netip.AddrPortFrom(private, 0))))
	require.Equal(t, egress.ReasonAddress, reason(t, p.Check(netip.AddrPort{})))
}

func TestCheckAllowed(t *testing.T) {
	t.Parallel()
	const everything = "0.0.0.0/0,::/0"
	for name, tc := range map[string]struct {
		allow, addr string
		want        egress.Reason
	}{
		"in the prefix":                        {"10.1.0.0/16", "10.1.2.3", ""},
		"in the prefix, mapped":                {"10.1.0.0/16", "::ffff:10.1.2.3", ""},
		"beside the prefix":                    {"10.1.0.0/16", "10.2.0.1", egress.ReasonAddress},
		"second prefix":                        {"10.1.0.0/16,fd00::/8", "fd12::1", ""},
		"loopback":                             {"127.0.0.0/8,::1", "::1", ""},
		"other loopback":                       {"127.0.0.0/8", "::1", egress.ReasonAddress},
		"unspecified is not loopback":          {"127.0.0.0/8,::1", "0.0.0.0", egress.ReasonAddress},
		"metadata in a prefix":                 {"169.254.0.0/16", "169.254.169.254", egress.ReasonAddress},
		"its neighbour":                        {"169.254.0.0/16", "169.254.169.253", ""},
		"metadata in everything":               {everything, "169.254.169.254", egress.ReasonAddress},
		"metadata in everything, mapped":       {everything, "::ffff:169.254.169.254", egress.ReasonAddress},
		"metadata in everything, NAT64":        {everything, "64:ff9b::a9fe:a9fe", egress.ReasonAddress},
		"metadata in everything, local NAT64":  {everything, "64:ff9b:1::a9fe:a9fe", egress.ReasonAddress},
		"metadata in everything, 6to4":         {everything, "2002:a9fe:a9fe::1", egress.ReasonAddress},
		"metadata in everything, IPv6":         {everything, "fd00:ec2::254", egress.ReasonAddress},
		"Azure's service in everything":        {everything, "168.63.129.16", egress.ReasonAddress},
		"Alibaba's metadata in shared space":   {"100.64.0.0/10", "100.100.100.200", egress.ReasonAddress},
		"metadata by name":                     {"169.254.169.254/32", "169.254.169.254", ""},
		"metadata by name, mapped":             {"169.254.169.254", "::ffff:169.254.169.254", ""},
		"metadata by name, NAT64":              {"169.254.169.254", "64:ff9b::a9fe:a9fe", egress.ReasonAddress},
		"IPv6 metadata by name":                {"fd00:ec2::254/128", "fd00:ec2::254", ""},
		"private behind NAT64":                 {"10.0.0.0/8", "64:ff9b::10.0.0.1", egress.ReasonAddress},
		"private behind NAT64, allowed itself": {"64:ff9b::a00:0/104", "64:ff9b::10.0.0.1", ""},
		"local NAT64":                          {"64:ff9b:1::/48", "64:ff9b:1::10.0.0.1", ""},
		"zone":                                 {everything, "fe80::1%lo", egress.ReasonAddress},
		"Teredo":                               {everything, "2001:0:4136:e378:8000:63bf:3fff:fdd2", egress.ReasonAddress},
		"ISATAP":                               {everything, "fd00::5efe:7f00:1", egress.ReasonAddress},
		"compatible":                           {everything, "::127.0.0.1", egress.ReasonAddress},
		"translated":                           {everything, "::ffff:0:127.0.0.1", egress.ReasonAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := allowing(t, tc.allow)
			require.Equal(t, tc.want, reason(t, p.Check(netip.AddrPortFrom(netip.MustParseAddr(tc.addr), 9999))))
		})
	}
}

// TestPolicyIsImmutable changes the slice that a policy was made from.
func TestPolicyIsImmutable(t *testing.T) {
	t.Parallel()
	allow := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), {}}
	p := egress.NewPolicy(allow)
	allow[0] = netip.MustParsePrefix("192.168.0.0/16")
	require.NoError(t, p.Check(netip.MustParseAddrPort("10.0.0.1:80")))
	require.Error(t, p.Check(netip.MustParseAddrPort("192.168.0.1:80")))
}

func TestParsePrefixes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ list, want string }{
		"none":             {" ", "[]"},
		"one":              {"10.0.0.0/8", "[10.0.0.0/8]"},
		"spaces":           {" 10.0.0.0/8 , fd00::/8 ", "[10.0.0.0/8 fd00::/8]"},
		"single addresses": {"127.0.0.1,::1", "[127.0.0.1/32 ::1/128]"},
		"everything":       {"0.0.0.0/0", "[0.0.0.0/0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := egress.ParsePrefixes(tc.list)
			require.NoError(t, err)
			require.Equal(t, tc.want, fmt.Sprint(got))
		})
	}
	for name, tc := range map[string]struct{ list, want string }{
		"name":           {"localhost", `parse prefix "localhost": want a prefix`},
		"empty item":     {"10.0.0.0/8,", `parse prefix "": want a prefix`},
		"too long":       {"10.0.0.0/33", `parse prefix "10.0.0.0/33": want a prefix`},
		"zone":           {"fe80::1%lo", `parse prefix "fe80::1%lo": want a prefix`},
		"mapped":         {"::ffff:10.0.0.0/104", "write an IPv4 prefix as IPv4"},
		"mapped address": {"::ffff:10.0.0.1", "want a prefix"},
		"bits beyond":    {"10.0.0.1/8", "did you mean 10.0.0.0/8?"},
		"every fault":    {"x,10.0.0.0/8,y", "parse prefix \"x\": want a prefix such as 10.0.0.0/8, or an address without a zone\nparse prefix \"y\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := egress.ParsePrefixes(tc.list)
			require.ErrorContains(t, err, tc.want)
			require.Empty(t, got)
		})
	}
}

// FuzzCheck holds the decision against what package netip knows, and all forms
// of an IPv4 address against each other.
func FuzzCheck(f *testing.F) {
	for _, addr := range hostile(f) {
		raw := addr.As16()
		f.Add(raw[:], uint16(443))
	}
	f.Add([]byte{8, 8, 8, 8}, uint16(80))
	f.Fuzz(func(t *testing.T, raw []byte, port uint16) {
		addr, _ := netip.AddrFromSlice(raw)
		verdict := reason(t, egress.Policy{}.Check(netip.AddrPortFrom(addr, port)))
		if verdict == "" {
			plain := addr.Unmap()
			require.True(t, plain.IsGlobalUnicast() && !plain.IsPrivate() && !plain.IsLoopback(), "%s", addr)
			require.True(t, port == 80 || port == 443 || port >= 1024)
		}
		if !addr.Is4() {
			return
		}
		b := addr.As4()
		for _, prefix := range []string{"::ffff:0:0", "64:ff9b::"} {
			wrapped := netip.MustParseAddr(prefix).As16()
			copy(wrapped[12:], b[:])
			same := egress.Policy{}.Check(netip.AddrPortFrom(netip.AddrFrom16(wrapped), port))
			require.Equal(t, verdict, reason(t, same), "%s in %s", addr, prefix)
		}
	})
}
