package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Hosts is a set of hosts: names, whole domains and addresses. The zero Hosts is
// empty.
type Hosts struct {
	names    []string // "name" is that one, ".name" all below it
	prefixes []netip.Prefix
}

// ParseHosts reads a list as in "hooks.example.com,.corp.example,10.0.0.0/8":
// names, domains with a dot before them for all names below, and prefixes and
// addresses, which stand for literal addresses only: no name is resolved to
// find out. The error names all faults.
func ParseHosts(list string) (Hosts, error) {
	var hosts Hosts
	if strings.TrimSpace(list) == "" {
		return hosts, nil
	}
	var faults []error
	for item := range strings.SplitSeq(list, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if prefix, err := parsePrefix(item); err == nil {
			hosts.prefixes = append(hosts.prefixes, prefix)
			continue
		}
		name := strings.TrimSuffix(item, ".")
		if !isName(strings.Split(strings.TrimPrefix(name, "."), ".")) {
			faults = append(faults, fmt.Errorf("parse host %q: want a name, a domain such as .example.com, or a prefix", item))
			continue
		}
		hosts.names = append(hosts.names, name)
	}
	if err := errors.Join(faults...); err != nil {
		return Hosts{}, err
	}
	return hosts, nil
}

// contain reports whether the host of a URL, in lower-case ASCII, is in the set.
func (h Hosts) contain(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(h.prefixes, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
	}
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(h.names, func(name string) bool {
		return host == name || strings.HasPrefix(name, ".") && strings.HasSuffix(host, name)
	})
}
