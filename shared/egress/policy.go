// Package egress decides where Postrider may connect to on behalf of tenants,
// and makes the only HTTP clients that do so. Tenants choose URLs, so without
// it they could reach whatever the machines of the installation can reach
// (server-side request forgery).
//
// The decision that counts is made on the address that is about to be dialled,
// after the name was resolved: nothing can change between it and the
// connection. The check of a URL when an endpoint is written is a courtesy that
// finds mistakes early.
package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Policy says which addresses may be dialled: public ones on ports for the web
// or for nothing in particular, and whatever the operator allowed. It is
// immutable and safe for concurrent use. The zero Policy allows no private
// address; it is what NewPolicy makes of nothing.
type Policy struct {
	allow     []netip.Prefix
	httpsOnly bool
	proxy     *Proxy        // nil for none
	resolver  *net.Resolver // nil for the system's; tests have their own
}

// Option changes a Policy while it is made.
type Option func(*Policy)

// HTTPSOnly refuses http, in CheckURL and in the transport, if on is true.
func HTTPSOnly(on bool) Option {
	return func(p *Policy) { p.httpsOnly = on }
}

// NewPolicy makes the policy that lets addresses in one of the prefixes be
// dialled, on any port, although they are private. These stay refused: the
// services that hand out credentials in clouds, unless a prefix of a single
// address names one; addresses with a zone; and IPv6 addresses that tunnel to
// an IPv4 address. IPv6 prefixes do not match IPv4 addresses, in whichever form
// they are written.
func NewPolicy(allow []netip.Prefix, options ...Option) Policy {
	p := Policy{allow: slices.DeleteFunc(slices.Clone(allow), func(prefix netip.Prefix) bool {
		return !prefix.IsValid()
	})}
	for _, option := range options {
		option(&p)
	}
	return p
}

// ParsePrefixes reads a list as in "10.0.0.0/8,127.0.0.1,fd00::/8": prefixes
// and single addresses, separated by commas. An empty list is none. The error
// names all faults.
func ParsePrefixes(list string) ([]netip.Prefix, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var prefixes []netip.Prefix
	var faults []error
	for item := range strings.SplitSeq(list, ",") {
		prefix, err := parsePrefix(strings.TrimSpace(item))
		if err != nil {
			faults = append(faults, fmt.Errorf("parse prefix %q: %w", item, err))
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return prefixes, nil
}

func parsePrefix(item string) (netip.Prefix, error) {
	if !strings.Contains(item, "/") {
		if addr, err := netip.ParseAddr(item); err == nil && addr.Zone() == "" && !addr.Is4In6() {
			return netip.PrefixFrom(addr, addr.BitLen()), nil
		}
	}
	prefix, err := netip.ParsePrefix(item)
	switch {
	case err != nil:
		return netip.Prefix{}, errors.New("want a prefix such as 10.0.0.0/8, or an address without a zone")
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, errors.New("write an IPv4 prefix as IPv4")
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("has bits beyond its length: did you mean %s?", prefix.Masked())
	}
	return prefix, nil
}

// Check decides about a connection to target. It returns nil or a
// *BlockedError. What cannot be judged is refused.
func (p Policy) Check(target netip.AddrPort) error {
	addr := target.Addr().Unmap()
	if !addr.IsValid() || addr.Zone() != "" || target.Port() == 0 {
		return &BlockedError{Reason: ReasonAddress, Rule: "malformed or with a zone"}
	}
	if rule := tunnel(addr); rule != "" {
		return &BlockedError{Reason: ReasonAddress, Rule: rule}
	}
	if p.allows(addr) {
		return nil
	}
	if rule := notPublic(addr); rule != "" {
		return &BlockedError{Reason: ReasonAddress, Rule: rule}
	}
	if !publicPort(target.Port()) {
		return &BlockedError{Reason: ReasonPort, Rule: "port of an internal service"}
	}
	return nil
}

// allows reports whether the operator allowed addr.
func (p Policy) allows(addr netip.Addr) bool {
	secret := isMetadata(addr)
	return slices.ContainsFunc(p.allow, func(prefix netip.Prefix) bool {
		return prefix.Contains(addr) && (!secret || prefix.IsSingleIP())
	})
}

// allowsLoopback reports whether localhost may lead somewhere.
func (p Policy) allowsLoopback() bool {
	return p.allows(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || p.allows(netip.IPv6Loopback())
}

// allowsInside reports whether names that only resolve on the inside may lead
// somewhere: whether more than this very machine is allowed.
func (p Policy) allowsInside() bool {
	return slices.ContainsFunc(p.allow, func(prefix netip.Prefix) bool {
		return !prefix.Masked().Addr().IsLoopback()
	})
}
