package door

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Networks of IPv6 that a provider gives to one customer are this long, so their
// addresses count as one.
const customer = 64

// maxHops is how many proxies are looked through, at most.
const maxHops = 16

// Client is all addresses that belong to whoever has this one.
func Client(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = customer
	}
	prefix, _ := address.Prefix(bits) // invalid where the address is
	return prefix
}

// Proxies are networks whose word is taken for whom they pass requests on for.
type Proxies []netip.Prefix

// Contain reports whether an address is that of such a proxy.
func (p Proxies) Contain(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// Client tells whom a request is from: the address of its connection, unless that
// is a proxy's. Then it is the last address in X-Forwarded-For or Forwarded that is
// not a proxy's, since each proxy adds to the end whom it was asked by, and what
// stands before that is the client's own tale. A proxy writes one of the two
// headers, and passes the other on as it came: where they tell different tales,
// neither is believed, and it is the proxy that it counts for.
func (p Proxies) Client(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	address := peer.Addr().Unmap()
	if !p.Contain(address) {
		return Client(address)
	}
	one := p.trace(address, listed(r.Header["X-Forwarded-For"], func(element string) string { return element }))
	other := p.trace(address, listed(r.Header["Forwarded"], forwardedFor))
	switch {
	case len(r.Header["Forwarded"]) == 0, one == other:
		return Client(one)
	case len(r.Header["X-Forwarded-For"]) == 0:
		return Client(other)
	default:
		return Client(address)
	}
}

// trace goes back from a proxy through those who passed a request on, the last one
// last, to the first who is not a proxy. What cannot be read is not looked behind.
func (p Proxies) trace(from netip.Addr, hops []string) netip.Addr {
	for i, hop := range slices.Backward(hops) {
		address, ok := parseHop(hop)
		if !ok || len(hops)-i > maxHops {
			return from
		}
		if from = address; !p.Contain(address) {
			return address
		}
	}
	return from
}

// listed are the elements of a header that is a list.
func listed(values []string, read func(string) string) []string {
	var all []string
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			all = append(all, read(strings.TrimSpace(element)))
		}
	}
	return all
}

// forwardedFor is the parameter "for" of an element of Forwarded (RFC 7239), empty
// without one.
func forwardedFor(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// parseHop reads an address with or without port and brackets.
func parseHop(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap(), true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return address.Unmap(), err == nil && address.Zone() == ""
}
