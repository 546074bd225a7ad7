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

// TestOracle looks for addresses that we allow and another guard, which is made
// from IANA's registries, refuses: at the edges of all special blocks, and in all
// forms of IPv6 that carry an IPv4 address.
func TestOracle(t *testing.T) {
	t.Parallel()
	for _, block := range slices.Concat(blocks4(), blocks6()) {
		for _, addr := range edges(block) {
			judge(t, addr)
			if !addr.Is4() {
				continue
			}
			for _, prefix := range blocks6() {
				for _, form := range forms {
					judge(t, carry(form, addr, prefix.Addr()))
				}
			}
		}
	}
}

// FuzzOracle does so around them.
func FuzzOracle(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		v4, v6 := within(blocks4()), within(blocks6())
		judge(t, rapid.OneOf(v4, v6, rapid.Custom(func(t *rapid.T) netip.Addr {
			return carry(rapid.SampledFrom(forms).Draw(t, "form"), v4.Draw(t, "inner"), v6.Draw(t, "outside"))
		})).Draw(t, "addr"))
	}))
}

// judge holds our verdict against the oracle's. There are two exceptions: of an
// IPv4-mapped address and of one behind NAT64 it is asked for the IPv4 address
// that they lead to. It refuses all of these forms; clusters without IPv4 need
// the second.
func judge(t require.TestingT, addr netip.Addr) {
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

func blocks4() []netip.Prefix {
	return append(prefixes("0.0.0.0/0", "169.254.169.254/32", "168.63.129.16/32", "100.100.100.200/32", "8.8.8.8/32"), ssrf.IPv4DeniedPrefixes...)
}

func blocks6() []netip.Prefix {
	return append(prefixes(
		"2000::/3", "64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "2001::/32",
		"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2a00:1450:4001:82b::/64",
	), ssrf.IPv6DeniedPrefixes...)
}

func prefixes(texts ...string) (parsed []netip.Prefix) {
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

// edges returns the first and the last address of a block, and their neighbours.
func edges(block netip.Prefix) []netip.Addr {
	first := block.Masked().Addr()
	raw := first.AsSlice()
	for bit := block.Bits(); bit < first.BitLen(); bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(raw)
	return slices.DeleteFunc([]netip.Addr{first.Prev(), first, last, last.Next()}, func(a netip.Addr) bool { return !a.IsValid() })
}

// within makes addresses inside the blocks and at their edges.
func within(blocks []netip.Prefix) *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		block := rapid.SampledFrom(blocks).Draw(t, "block")
		if rapid.Bool().Draw(t, "edge") {
			return rapid.SampledFrom(edges(block)).Draw(t, "addr")
		}
		raw := block.Masked().Addr().AsSlice()
		inside := rapid.SliceOfN(rapid.Byte(), len(raw), len(raw)).Draw(t, "inside")
		for bit := block.Bits(); bit < len(raw)*8; bit++ {
			raw[bit/8] |= inside[bit/8] & (0x80 >> (bit % 8))
		}
		addr, _ := netip.AddrFromSlice(raw)
		return addr
	})
}

var forms = []string{"suffix", "ISATAP", "ISATAP, universal", "6to4", "Teredo server", "Teredo client", "local NAT64"}

// carry puts an IPv4 address where a form of IPv6 that leads to one has it. The
// rest comes from an address around it.
func carry(form string, inner, outside netip.Addr) netip.Addr {
	raw, b := outside.As16(), inner.As4()
	switch form {
	case "suffix":
		copy(raw[12:], b[:])
	case "ISATAP":
		copy(raw[8:], []byte{0, 0, 0x5e, 0xfe, b[0], b[1], b[2], b[3]})
	case "ISATAP, universal":
		copy(raw[8:], []byte{2, 0, 0x5e, 0xfe, b[0], b[1], b[2], b[3]})
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
