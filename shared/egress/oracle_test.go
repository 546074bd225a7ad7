package egress_test

import (
	"net/netip"
	"slices"
	"testing"

	"code.dny.dev/ssrf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/egress"
)

// TestOracle and FuzzOracle look for addresses that we allow and another guard,
// which is made from IANA's registries, refuses.
func TestOracle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, agree)
}

func FuzzOracle(f *testing.F) { f.Fuzz(rapid.MakeFuzz(agree)) }

// agree holds our verdict against the oracle's. There are two exceptions: of an
// IPv4-mapped address and of one behind NAT64 it is asked for the IPv4 address
// that they lead to. It refuses all of these forms; clusters without IPv4 need
// the second.
func agree(t *rapid.T) {
	addr := addresses().Draw(t, "addr")
	if (egress.Policy{}).Check(netip.AddrPortFrom(addr, 443)) != nil {
		return
	}
	asked := addr.Unmap()
	if netip.MustParsePrefix("64:ff9b::/96").Contains(asked) {
		raw := asked.As16()
		asked = netip.AddrFrom4([4]byte(raw[12:]))
	}
	require.NoError(t, ssrf.New().SafeAddr(asked), "we allow %s", addr)
}

// addresses makes addresses in and around the special blocks, as they are and
// in all forms of IPv6 that carry an IPv4 address.
func addresses() *rapid.Generator[netip.Addr] {
	blocks6 := append(slices.Clone(ssrf.IPv6DeniedPrefixes), ssrf.IPv6GlobalUnicast, ssrf.IPv6NAT64Prefix)
	for _, text := range []string{
		"::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
		"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		blocks6 = append(blocks6, netip.MustParsePrefix(text))
	}
	var known []netip.Addr
	for _, text := range []string{"169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "8.8.8.8"} {
		known = append(known, netip.MustParseAddr(text))
	}
	v4 := rapid.OneOf(around(ssrf.IPv4DeniedPrefixes), rapid.SampledFrom(known), around([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}))
	return rapid.OneOf(v4, around(blocks6), rapid.Custom(func(t *rapid.T) netip.Addr {
		return carry(t, v4.Draw(t, "carried"), around(blocks6).Draw(t, "outside"))
	}))
}

// around makes addresses of a block: its first and its last, their neighbours,
// and any inside.
func around(blocks []netip.Prefix) *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		block := rapid.SampledFrom(blocks).Draw(t, "block").Masked()
		first := block.Addr()
		raw := first.AsSlice()
		inside := rapid.SliceOfN(rapid.Byte(), len(raw), len(raw)).Draw(t, "inside")
		last := slices.Clone(raw)
		for bit := block.Bits(); bit < first.BitLen(); bit++ {
			mask := byte(0x80) >> (bit % 8)
			last[bit/8] |= mask
			raw[bit/8] |= inside[bit/8] & mask
		}
		highest, _ := netip.AddrFromSlice(last)
		some, _ := netip.AddrFromSlice(raw)
		made := []netip.Addr{first, highest, some}
		for _, neighbour := range []netip.Addr{first.Prev(), highest.Next()} {
			if neighbour.IsValid() {
				made = append(made, neighbour)
			}
		}
		return rapid.SampledFrom(made).Draw(t, "made")
	})
}

// carry puts an IPv4 address where the forms of IPv6 that lead to one have it.
// The rest comes from an address around it.
func carry(t *rapid.T, inner, outside netip.Addr) netip.Addr {
	raw, b := outside.As16(), inner.As4()
	switch form := rapid.SampledFrom([]string{"suffix", "ISATAP", "6to4", "Teredo server", "Teredo client", "local NAT64"}).Draw(t, "form"); form {
	case "suffix":
		copy(raw[12:], b[:])
	case "ISATAP":
		copy(raw[8:], []byte{rapid.SampledFrom([]byte{0, 2, 1}).Draw(t, "universal"), 0, 0x5e, 0xfe})
		copy(raw[12:], b[:])
	case "6to4":
		copy(raw[2:], b[:])
	case "Teredo server":
		copy(raw[4:], b[:])
	case "Teredo client": // its bits inverted
		copy(raw[12:], []byte{^b[0], ^b[1], ^b[2], ^b[3]})
	case "local NAT64": // around a byte that is zero (RFC 6052)
		copy(raw[6:], []byte{b[0], b[1], 0, b[2], b[3]})
	}
	return netip.AddrFrom16(raw)
}
