package certificate_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/certificate"
	"github.com/postrider/postrider/shared/testkit"
)

func block(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// split are the key and the certificates of an identity.
func split(t *testing.T, identity string) (key, chain string) {
	t.Helper()
	at := strings.Index(identity, "-----BEGIN CERTIFICATE")
	require.Positive(t, at)
	return identity[:at], identity[at:]
}

// selfSigned is a certificate of the key.
func selfSigned(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template(time.Now()), template(time.Now()), key.Public(), key)
	return block("CERTIFICATE", der, err)
}

func template(now time.Time) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now.Add(time.Hour)}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	ca := testkit.NewAuthority(t, "root")
	own := ca.Issue(t, "postrider")
	own.Certificate = append(own.Certificate, ca.Certificate.Raw)
	text := testkit.IdentityPEM(t, own)
	key, chain := split(t, text)
	sec1, err := x509.MarshalECPrivateKey(own.PrivateKey.(*ecdsa.PrivateKey))
	old := block("EC PRIVATE KEY", sec1, err)
	for name, text := range map[string]string{
		"key first":          text,
		"certificates first": chain + key,
		"of openssl":         "Bag Attributes\n    friendlyName: x\n" + chain + block("EC PARAMETERS", []byte{6, 0}, nil) + old + "\n\n",
		"with CRLF":          strings.ReplaceAll(text, "\n", "\r\n"),
	} {
		id, err := certificate.ParseIdentity(text)
		require.NoError(t, err, name)
		require.NoError(t, id.InForce(time.Now()))
		require.Equal(t, own.Certificate, id.TLS().Certificate, name)
		require.True(t, own.PrivateKey.(*ecdsa.PrivateKey).Equal(id.TLS().PrivateKey))
		kept, err := id.Key()
		require.NoError(t, err)
		require.Equal(t, key, kept.Reveal(), name)
		require.Equal(t, chain, certificate.Encode(id.Chain), "nothing else of the text")
		again, err := certificate.Decode(certificate.Encode(id.Chain))
		require.NoError(t, err)
		require.Equal(t, id.Chain, again)
	}
}

func TestIdentityOfEachKind(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	for _, key := range []crypto.Signer{rsaKey, edwards, p521} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		id, err := certificate.ParseIdentity(block("PRIVATE KEY", der, err) + selfSigned(t, key))
		require.NoError(t, err)
		_, err = tls.X509KeyPair([]byte(certificate.Encode(id.Chain)), []byte(mustKey(t, id)))
		require.NoError(t, err)
	}
	_, err = certificate.ParseIdentity(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil) + selfSigned(t, rsaKey))
	require.NoError(t, err)
}

func mustKey(t *testing.T, id *certificate.Identity) string {
	t.Helper()
	key, err := id.Key()
	require.NoError(t, err)
	return key.Reveal()
}

func TestIdentityRefuses(t *testing.T) {
	t.Parallel()
	ca := testkit.NewAuthority(t, "root")
	text := testkit.IdentityPEM(t, ca.Issue(t, "a"))
	key, chain := split(t, text)
	otherKey, otherChain := split(t, testkit.IdentityPEM(t, ca.Issue(t, "b")))
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	p224der, err := x509.MarshalECPrivateKey(p224)
	require.NoError(t, err)
	for want, texts := range map[string][]string{
		"is not PEM":              {"", "canary", text + "-----BEGIN CERTIFICATE-----\ncanary", "{}"},
		"has no certificate":      {key},
		"has no private key":      {chain},
		"not that of the first":   {key + otherChain, otherKey + chain, key + otherChain + chain},
		"more than one":           {text + otherKey, key + text},
		"cannot be read":          {key + block("CERTIFICATE", []byte("canary"), nil), block("PRIVATE KEY", []byte("canary"), nil) + chain},
		"passphrase":              {block("ENCRYPTED PRIVATE KEY", []byte("canary"), nil) + chain, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nY2FuYXJ5\n-----END RSA PRIVATE KEY-----\n" + chain},
		"certificates and a priv": {text + block("PUBLIC KEY", []byte("canary"), nil)},
		"an RSA key must have":    {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short), nil) + selfSigned(t, short), block("PRIVATE KEY", make([]byte, 4096), nil) + chain},
		"P-256, P-384":            {block("EC PRIVATE KEY", p224der, nil) + chain},
		"more than 10":            {key + strings.Repeat(chain, 11)},
		"longer than 32768":       {text + strings.Repeat("\n", 32<<10)},
	} {
		for _, text := range texts {
			_, err := certificate.ParseIdentity(text)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "canary")
		}
	}
}

func TestInForce(t *testing.T) {
	t.Parallel()
	id, err := certificate.ParseIdentity(testkit.IdentityPEM(t, testkit.NewAuthority(t, "root").Issue(t, "a")))
	require.NoError(t, err)
	own := id.Chain[0]
	require.NoError(t, id.InForce(own.NotBefore))
	require.NoError(t, id.InForce(own.NotAfter))
	require.ErrorContains(t, id.InForce(own.NotAfter.Add(time.Second)), "has expired on "+own.NotAfter.Format(time.DateOnly))
	require.ErrorContains(t, id.InForce(own.NotBefore.Add(-time.Second)), "is not valid before")
}

func TestBundle(t *testing.T) {
	t.Parallel()
	a, b := testkit.NewAuthority(t, "a"), testkit.NewAuthority(t, "b")
	now := time.Now()
	bundle, err := certificate.ParseBundle("# ours\n"+a.PEM()+"# theirs\n"+b.PEM(), now)
	require.NoError(t, err)
	require.Equal(t, []*x509.Certificate{a.Certificate, b.Certificate}, bundle)
	require.Equal(t, a.PEM()+b.PEM(), certificate.Encode(bundle))
	require.Len(t, certificate.Fingerprint(a.Certificate), 64)

	// A key that would take long to verify with. It is only a number.
	huge := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template(now), template(now), huge, signer)
	require.NoError(t, err)
	key, _ := split(t, testkit.IdentityPEM(t, a.Issue(t, "x")))
	for want, text := range map[string]string{
		"is not PEM":            "",
		"longer than 8192 bits": block("CERTIFICATE", der, nil),
		"certificates only":     a.PEM() + key,
		"cannot be read":        block("CERTIFICATE", []byte("canary"), nil),
		"more than 50":          strings.Repeat(a.PEM(), 51),
		"longer than 65536":     a.PEM() + strings.Repeat(" ", 64<<10),
	} {
		_, err := certificate.ParseBundle(text, now)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	_, err = certificate.ParseBundle(a.PEM(), a.Certificate.NotAfter.Add(time.Second))
	require.ErrorContains(t, err, "has expired")
}
