package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// private is a receiver with a certificate of a private authority, that wants a
// certificate of another one from whoever calls.
type private struct {
	*httptest.Server
	servers, clients *testkit.Authority
	conns            chan net.Conn // that were closed
}

func newPrivate(t *testing.T, handle http.HandlerFunc, changes ...func(*tls.Config)) *private {
	t.Helper()
	p := &private{servers: testkit.NewAuthority(t, "servers"), clients: testkit.NewAuthority(t, "clients"), conns: make(chan net.Conn, 100)}
	p.Server = httptest.NewUnstartedServer(handle)
	p.EnableHTTP2 = true
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			p.conns <- c
		}
	}
	p.TLS = &tls.Config{
		Certificates: []tls.Certificate{*p.servers.Issue(t, "receiver")}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.clients.Pool(),
	}
	for _, change := range changes {
		change(p.TLS)
	}
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// identity is what of a certificate is stored.
func identity(t *testing.T, c *tls.Certificate) *store.Identity {
	t.Helper()
	return &store.Identity{Key: secret.New(testkit.IdentityPEM(t, c))} // in one text, which is read all the same
}

func (c *caller) as(t *testing.T, e *directory.Endpoint, credentials *store.Credentials) attempt {
	t.Helper()
	with := &store.Opened{URL: secret.New(e.URL), Credentials: credentials}
	return c.call(testkit.Context(t), e, with, &event.Delivery{Event: event.NewID()}, []byte("{}"))
}

// TestMutualTLS shows one certificate, then another.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	var p *private
	type caller struct {
		name, proto, remote string
	}
	callers := make(chan caller, 10)
	p = newPrivate(t, func(_ http.ResponseWriter, r *http.Request) {
		callers <- caller{r.TLS.PeerCertificates[0].Subject.CommonName, r.Proto, r.RemoteAddr}
	})
	c, e := newCaller(t, testkit.Loopback()), at(p.URL)
	first := &store.Credentials{Identity: identity(t, p.clients.Issue(t, "first")), ServerCA: p.servers.PEM()}
	require.Equal(t, Success, c.as(t, e, first).outcome)
	one := <-callers
	require.Equal(t, "first", one.name)
	require.Equal(t, "HTTP/2.0", one.proto)
	same := *first // as read again
	require.Equal(t, Success, c.as(t, e, &same).outcome)
	require.Equal(t, one, <-callers, "on the same connection")

	require.Equal(t, Success, c.as(t, at(p.URL), first).outcome)
	other := <-callers
	require.NotEqual(t, one.remote, other.remote, "another endpoint has connections of its own")

	second := &store.Credentials{Identity: identity(t, p.clients.Issue(t, "second")), ServerCA: p.servers.PEM()}
	require.Equal(t, Success, c.as(t, e, second).outcome)
	require.Equal(t, "second", (<-callers).name)
	require.Equal(t, one.remote, (<-p.conns).RemoteAddr().String(), "what the certificate was replaced on is closed")
}

// TestTLSRefused: nothing makes up for trust that is missing.
func TestTLSRefused(t *testing.T) {
	t.Parallel()
	none := func(http.ResponseWriter, *http.Request) { t.Error("called") }
	old := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 } // its handshake ends after all was checked
	p := newPrivate(t, none, old)
	own, authority := identity(t, p.clients.Issue(t, "us")), p.servers.PEM()
	stranger := identity(t, testkit.NewAuthority(t, "strangers").Issue(t, "us"))
	elsewhere := newPrivate(t, none, func(c *tls.Config) {
		c.Certificates[0] = *p.servers.Issue(t, "elsewhere", func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"example.com"} })
	})
	for name, test := range map[string]struct {
		url         string
		credentials store.Credentials
		policy      egress.Policy
		want        Outcome
	}{
		"no certificate of ours":     {p.URL, store.Credentials{ServerCA: authority}, testkit.Loopback(), TLS},
		"one of a stranger":          {p.URL, store.Credentials{ServerCA: authority, Identity: stranger}, testkit.Loopback(), TLS},
		"authority not known":        {p.URL, store.Credentials{Identity: own}, testkit.Loopback(), TLS},
		"another authority":          {p.URL, store.Credentials{Identity: own, ServerCA: p.clients.PEM()}, testkit.Loopback(), TLS},
		"another name":               {elsewhere.URL, store.Credentials{Identity: own, ServerCA: authority}, testkit.Loopback(), TLS},
		"credentials are unreadable": {p.URL, store.Credentials{Identity: &store.Identity{}}, testkit.Loopback(), TLS},
		"a forbidden address":        {p.URL, store.Credentials{Identity: own, ServerCA: authority}, egress.Policy{}, Blocked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newCaller(t, test.policy).as(t, at(test.url), &test.credentials)
			require.Equal(t, test.want, a.outcome, "%s", a.response)
		})
	}
}

// TestCertificateIsAskedForLate: in TLS 1.3 the receiver refuses when the handshake is
// over for us.
func TestCertificateIsAskedForLate(t *testing.T) {
	t.Parallel()
	p := newPrivate(t, func(http.ResponseWriter, *http.Request) { t.Error("called") }, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })
	a := newCaller(t, testkit.Loopback()).as(t, at(p.URL), &store.Credentials{ServerCA: p.servers.PEM()})
	require.Contains(t, []Outcome{TLS, Connection}, a.outcome, "its alert may be lost with the connection")
}

// TestNoToken: an attempt without a token is none at the receiver.
func TestNoToken(t *testing.T) {
	t.Parallel()
	r := receive(t, func(http.ResponseWriter, *http.Request) { t.Error("called") })
	tokens := receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	a := newCaller(t, testkit.Loopback()).as(t, at(r.URL), &store.Credentials{OAuth: &store.OAuth{
		TokenURL: tokens.URL, ClientID: "me", ClientSecret: secret.New("canary"), AuthMethod: store.OAuthBasic,
	}})
	require.Equal(t, NoToken, a.outcome)
	require.Equal(t, "no access token: the token endpoint answered 401", string(a.response))
	require.Zero(t, a.status)
	require.Positive(t, a.wish)
	require.Positive(t, a.report().RetryAfter, "others wait meanwhile")
}
