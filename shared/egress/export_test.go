package egress

import (
	"crypto/x509"
	"net"
)

// Resolving makes a policy look names up with r.
func Resolving(r *net.Resolver) Option {
	return func(p *Policy) { p.resolver = r }
}

// Dialer is what a policy without a proxy dials with.
func (p Policy) Dialer() *net.Dialer { return p.dialer() }

// Trust makes the certificate of a proxy one of those below roots.
func (x *Proxy) Trust(roots *x509.CertPool) { x.roots = roots }
