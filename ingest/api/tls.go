package api

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/certificate"
	"github.com/postrider/postrider/shared/store"
)

func tlsRoutes() []route {
	its := credential[identity]{showIdentity, func(c *store.Credentials) { c.Identity = nil }}
	trusted := credential[serverCA]{show: showServerCA}
	return []route{
		{"GET", endpointPath + "/mtls", forMembers, its.get},
		{"PUT", endpointPath + "/mtls", forMembers, (*call).putIdentity},
		{"DELETE", endpointPath + "/mtls", forMembers, its.remove},
		{"GET", endpointPath + "/mtls-config", forMembers, its.status},
		{"GET", endpointPath + "/ca", forMembers, trusted.get},
		{"PUT", endpointPath + "/ca", forMembers, (*call).putServerCA},
	}
}

// shownCertificate is a certificate as clients see it.
type shownCertificate struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	Fingerprint string    `json:"fingerprint"`
}

// showCertificates shows what was stored, which was read before.
func showCertificates(text string) ([]shownCertificate, error) {
	chain, err := certificate.Decode(text)
	shown := make([]shownCertificate, len(chain))
	for i, c := range chain {
		shown[i] = showCertificate(c)
	}
	return shown, err
}

func showCertificate(c *x509.Certificate) shownCertificate {
	return shownCertificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Fingerprint: certificate.Fingerprint(c),
	}
}

// identity is a client certificate as clients see it: all but its key.
type identity struct {
	Certificates []shownCertificate `json:"certificates"`
}

func showIdentity(c *store.Credentials) (*identity, error) {
	if c.Identity == nil {
		return nil, nil //nolint:nilnil // it is not set
	}
	shown, err := showCertificates(c.Identity.Certificates)
	return &identity{shown}, err
}

// serverCA is whose word a receiver's certificate needs, as clients see it.
type serverCA struct {
	Cert         *string            `json:"cert"` // null: the system's
	Certificates []shownCertificate `json:"certificates"`
}

func showServerCA(c *store.Credentials) (*serverCA, error) {
	shown, err := showCertificates(c.ServerCA)
	return &serverCA{none(c.ServerCA), shown}, err
}

func (c *call) putIdentity(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	f.require("identity")
	made := f.identity("identity")
	if err := f.err(); err != nil {
		return reply{}, err
	}
	return c.changeCredentials(r, func(_ *store.Endpoint, credentials *store.Credentials) error {
		credentials.Identity = made
		return nil
	})
}

// identity reads a client certificate. Nothing of the text is in what it says.
func (f *form) identity(name string) *store.Identity {
	var text string
	if !member(f, name, &text) {
		return nil
	}
	id, err := certificate.ParseIdentity(text)
	if err == nil {
		err = id.InForce(time.Now())
	}
	if err != nil {
		f.refuse(name, err.Error())
		return nil
	}
	key, err := id.Key()
	if err != nil {
		f.refuse(name, "the private key cannot be kept")
	}
	return &store.Identity{Certificates: certificate.Encode(id.Chain), Key: key}
}

func (c *call) putServerCA(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var text, kept string
	if clearable(f, "cert", &text) {
		bundle, err := certificate.ParseBundle(text, time.Now())
		if err != nil {
			f.refuse("cert", err.Error())
		}
		kept = certificate.Encode(bundle)
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	return c.changeCredentials(r, func(_ *store.Endpoint, credentials *store.Credentials) error {
		credentials.ServerCA = kept
		return nil
	})
}
