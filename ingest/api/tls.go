package api

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/certificate"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func tlsRoutes() []route {
	return []route{
		{"GET", endpointPath + "/mtls", forMembers, (*call).getIdentity},
		{"PUT", endpointPath + "/mtls", forMembers, (*call).putIdentity},
		{"DELETE", endpointPath + "/mtls", forMembers, (*call).deleteIdentity},
		{"GET", endpointPath + "/mtls-config", forMembers, (*call).getIdentityStatus},
		{"GET", endpointPath + "/ca", forMembers, (*call).getServerCA},
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

func (c *call) identity(r *http.Request) (*identity, error) {
	credentials, err := c.credentials(r)
	if err != nil || credentials.Identity == nil {
		return nil, err
	}
	shown, err := showCertificates(credentials.Identity.Certificates)
	return &identity{shown}, err
}

func (c *call) getIdentity(r *http.Request) (reply, error) {
	shown, err := c.identity(r)
	switch {
	case err != nil:
		return reply{}, err
	case shown == nil:
		return reply{}, notFound()
	}
	return ok(shown), nil
}

func (c *call) getIdentityStatus(r *http.Request) (reply, error) {
	shown, err := c.identity(r)
	if err != nil {
		return reply{}, err
	}
	return ok(status(shown)), nil
}

// status says whether something is set, and how.
func status[T any](config *T) any {
	return struct {
		Enabled bool `json:"enabled"`
		Config  *T   `json:"config"`
	}{config != nil, config}
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

func (c *call) deleteIdentity(r *http.Request) (reply, error) {
	return c.changeCredentials(r, func(_ *store.Endpoint, credentials *store.Credentials) error {
		credentials.Identity = nil
		return nil
	})
}

func (c *call) getServerCA(r *http.Request) (reply, error) {
	credentials, err := c.credentials(r)
	if err != nil {
		return reply{}, err
	}
	shown, err := showCertificates(credentials.ServerCA)
	return ok(struct {
		Cert         *string            `json:"cert"`
		Certificates []shownCertificate `json:"certificates"`
	}{none(credentials.ServerCA), shown}), err
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

// credentials reads those of the endpoint of the path.
func (c *call) credentials(r *http.Request) (*store.Credentials, error) {
	e, err := c.endpoint(r)
	if err != nil {
		return nil, err
	}
	return c.Store.Credentials(r.Context(), e)
}

// changeCredentials edits those of the endpoint of the path.
func (c *call) changeCredentials(r *http.Request, change func(*store.Endpoint, *store.Credentials) error) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return reply{}, err
	}
	return done(), c.Store.ChangeCredentials(r.Context(), tenant.ID, ref, change)
}
