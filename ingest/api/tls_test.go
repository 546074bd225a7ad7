package api_test

import (
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/certificate"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// quoted is a body with one text.
func quoted(t *testing.T, name, text string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{name: text})
	require.NoError(t, err)
	return string(body)
}

// shown is how a certificate is to be seen.
func shown(c *x509.Certificate) map[string]any {
	return map[string]any{
		"subject": c.Subject.String(), "issuer": c.Issuer.String(), "fingerprint": certificate.Fingerprint(c),
		"notBefore": c.NotBefore.UTC().Format(time.RFC3339), "notAfter": c.NotAfter.UTC().Format(time.RFC3339),
	}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	id := w.endpoint(t, app, `{"url":"https://example.com"}`)
	path := "/app/" + app + "/endpoint/" + id
	w.must(t, 404, "GET", path+"/mtls", "")
	require.JSONEq(t, `{"enabled":false,"config":null}`, w.must(t, 200, "GET", path+"/mtls-config", "").text)

	ca := testkit.NewAuthority(t, "clients")
	own := ca.Issue(t, "postrider")
	w.must(t, 204, "PUT", path+"/mtls", quoted(t, "identity", testkit.IdentityPEM(t, own)))
	config := w.must(t, 200, "GET", path+"/mtls", "")
	require.Equal(t, []any{shown(own.Leaf)}, config.body["certificates"])
	status := w.must(t, 200, "GET", path+"/mtls-config", "")
	require.Equal(t, map[string]any{"enabled": true, "config": config.body}, status.body)
	require.NotContains(t, config.text+status.text+w.must(t, 200, "GET", path, "").text, "PRIVATE")

	kept, err := w.store.Credentials(t.Context(), &store.Endpoint{ID: parse(t, event.Endpoint, id), Tenant: parse(t, event.Tenant, app)})
	require.NoError(t, err)
	_, err = certificate.ParseIdentity(kept.Identity.Key.Reveal() + kept.Identity.Certificates)
	require.NoError(t, err)

	past := ca.Issue(t, "past", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	future := ca.Issue(t, "future", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	for _, bad := range []string{
		`{}`, `{"identity":null}`, `{"identity":1}`, quoted(t, "identity", "canary"), quoted(t, "identity", ca.PEM()),
		quoted(t, "identity", testkit.IdentityPEM(t, past)), quoted(t, "identity", testkit.IdentityPEM(t, future)),
	} {
		a := w.send(t, "PUT", path+"/mtls", bad)
		a.requireInvalid(t, "body.identity")
		require.NotContains(t, a.text, "canary")
	}
	require.Equal(t, config.text, w.must(t, 200, "GET", path+"/mtls", "").text, "what is refused changes nothing")

	w.must(t, 204, "DELETE", path+"/mtls", "")
	w.must(t, 404, "GET", path+"/mtls", "")
	w.must(t, 204, "DELETE", path+"/mtls", "")
	w.must(t, 404, "PUT", path+"x/mtls", quoted(t, "identity", testkit.IdentityPEM(t, own)))
}

func TestServerCA(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	path := "/app/" + app + "/endpoint/" + w.endpoint(t, app, `{"url":"https://example.com"}`) + "/ca"
	require.JSONEq(t, `{"cert":null,"certificates":[]}`, w.must(t, 200, "GET", path, "").text)

	a, b := testkit.NewAuthority(t, "a"), testkit.NewAuthority(t, "b")
	w.must(t, 204, "PUT", path, quoted(t, "cert", "canary\n"+a.PEM()+b.PEM()))
	got := w.must(t, 200, "GET", path, "")
	require.Equal(t, a.PEM()+b.PEM(), got.body["cert"])
	require.Equal(t, []any{shown(a.Certificate), shown(b.Certificate)}, got.body["certificates"])

	for _, bad := range []string{`{"cert":1}`, `{"cert":""}`, quoted(t, "cert", "canary"), quoted(t, "cert", testkit.IdentityPEM(t, a.Issue(t, "x")))} {
		a := w.send(t, "PUT", path, bad)
		a.requireInvalid(t, "body.cert")
		require.NotContains(t, a.text, "canary")
	}
	w.must(t, 204, "PUT", path, `{"cert":null}`)
	require.JSONEq(t, `{"cert":null,"certificates":[]}`, w.must(t, 200, "GET", path, "").text)
}
