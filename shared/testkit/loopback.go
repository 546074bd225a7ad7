package testkit

import (
	"net/netip"

	"github.com/postrider/postrider/shared/egress"
)

// Loopback is the policy by which receivers of tests may be called, and nobody else
// inside.
func Loopback(options ...egress.Option) egress.Policy {
	return egress.NewPolicy([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, options...)
}
