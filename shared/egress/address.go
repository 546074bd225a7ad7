package egress

import (
	"net/netip"
	"slices"
)

// block is a range of addresses with a name for the operator's log. The tables
// below are never changed.
type block struct {
	prefix netip.Prefix
	name   string
}

// special4 are the blocks of the IANA IPv4 Special-Purpose Address Registry,
// as of 2025-10, also those that are globally reachable (nobody receives
// webhooks there), multicast, and Azure's service address, which looks public.
// https://www.iana.org/assignments/iana-ipv4-special-registry
var special4 = []block{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private use"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared address space"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud metadata"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private use"},
	{netip.MustParsePrefix("192.0.0.0/24"), "IETF protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.31.196.0/24"), "AS112"},
	{netip.MustParsePrefix("192.52.193.0/24"), "AMT"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private use"},
	{netip.MustParsePrefix("192.175.48.0/24"), "AS112"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
}

// global6 is all of IPv6 that is assigned for use on the internet. special6 is
// what the IANA IPv6 Special-Purpose Address Registry takes out of it.
// https://www.iana.org/assignments/iana-ipv6-special-registry
var (
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = []block{
		{netip.MustParsePrefix("2001::/23"), "IETF protocol assignments"},
		{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
		{netip.MustParsePrefix("2620:4f:8000::/48"), "AS112"},
		{netip.MustParsePrefix("3fff::/20"), "documentation"},
	}
)

// tunnels are the IPv6 blocks whose packets may end at an IPv4 address inside
// them. No receiver lives there, so no allow list opens them.
var tunnels = []block{
	{netip.MustParsePrefix("::/96"), "IPv4-compatible"},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "IPv4-translated"},
	{netip.MustParsePrefix("2001::/32"), "Teredo"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
}

// The prefixes of translators to IPv4, whose addresses end in the IPv4 address
// (RFC 6052, RFC 8215). The well-known one leads to public addresses only; the
// local one is the operator's to allow.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
)

// metadata are the addresses from which clouds hand credentials to whoever
// asks. They are not opened by an allowed prefix that happens to be around them.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"),    // AWS, Google, Azure and most others
	netip.MustParseAddr("169.254.170.2"),      // AWS ECS
	netip.MustParseAddr("169.254.170.23"),     // AWS EKS
	netip.MustParseAddr("169.254.0.23"),       // Tencent
	netip.MustParseAddr("169.254.42.42"),      // Scaleway
	netip.MustParseAddr("100.100.100.200"),    // Alibaba
	netip.MustParseAddr("168.63.129.16"),      // Azure
	netip.MustParseAddr("192.0.0.192"),        // Oracle
	netip.MustParseAddr("fd00:ec2::254"),      // AWS
	netip.MustParseAddr("fd00:ec2::23"),       // AWS EKS
	netip.MustParseAddr("fd20:ce::254"),       // Google
	netip.MustParseAddr("fd00:42::42"),        // Scaleway
	netip.MustParseAddr("fd00:c1::a9fe:a9fe"), // Oracle
	netip.MustParseAddr("fe80::a9fe:a9fe"),    // OpenStack
}

// notPublic names the rule by which addr is no place on the internet, or "".
func notPublic(addr netip.Addr) string {
	if nat64.Contains(addr) {
		addr = last4(addr)
	}
	if addr.Is4() {
		return find(special4, addr)
	}
	if !global6.Contains(addr) {
		return "outside 2000::/3"
	}
	return find(special6, addr)
}

// tunnel names the way by which addr leads to an IPv4 address unseen, or "".
func tunnel(addr netip.Addr) string {
	if addr.Is4() || addr.IsLoopback() || addr.IsUnspecified() {
		return ""
	}
	// ISATAP (RFC 5214) puts the IPv4 address after this mark in any prefix.
	if b := addr.As16(); b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		return "ISATAP"
	}
	return find(tunnels, addr)
}

// isMetadata reports whether addr is one of those that hand out credentials,
// itself or behind a translator.
func isMetadata(addr netip.Addr) bool {
	if nat64.Contains(addr) || nat64Local.Contains(addr) {
		addr = last4(addr)
	}
	return slices.Contains(metadata, addr)
}

// last4 returns the IPv4 address in the last bits of an IPv6 address.
func last4(addr netip.Addr) netip.Addr {
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

func find(blocks []block, addr netip.Addr) string {
	for _, b := range blocks {
		if b.prefix.Contains(addr) {
			return b.name
		}
	}
	return ""
}
