package certificate

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/secret"
)

// Identity is what a client shows a server that asks who it is: a certificate,
// those that lead from it towards an authority, and its private key.
type Identity struct {
	Chain []*x509.Certificate // its own first

	key crypto.Signer
}

// ParseIdentity reads an identity from PEM: a private key without a passphrase
// and its certificate, in any order, followed by those of intermediate
// authorities.
func ParseIdentity(text string) (*Identity, error) {
	if len(text) > MaxIdentity {
		return nil, fmt.Errorf("must not be longer than %d bytes", MaxIdentity)
	}
	blocks, err := decode(text)
	if err != nil {
		return nil, err
	}
	var id Identity
	for _, block := range blocks {
		if err := id.add(block); err != nil {
			return nil, err
		}
	}
	switch {
	case len(id.Chain) == 0:
		return nil, errors.New("has no certificate")
	case len(id.Chain) > maxChain:
		return nil, fmt.Errorf("must not be more than %d certificates", maxChain)
	case id.key == nil:
		return nil, errors.New("has no private key")
	}
	if public, ok := id.key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(id.Chain[0].PublicKey) {
		return nil, errors.New("the private key is not that of the first certificate")
	}
	return &id, nil
}

// maxKey is the longest private key, in bytes: a longer one is longer than maxRSA,
// and would take long just to be read.
const maxKey = 3 << 10

// add reads one block.
func (id *Identity) add(block *pem.Block) error {
	var key any
	var err error
	switch {
	case block.Type == typeCertificate:
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return errUnreadable
		}
		id.Chain = append(id.Chain, c)
		return nil
	case block.Type == "EC PARAMETERS":
		return nil // openssl writes them before the key, which has them too
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return errEncrypted
	case block.Type != typeCertificate && len(block.Bytes) > maxKey:
		return fmt.Errorf("an RSA key must have %d to %d bits", minRSA, maxRSA)
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return errors.New("must hold certificates and a private key only")
	}
	if err != nil {
		return errors.New("the private key cannot be read")
	}
	if id.key != nil {
		return errors.New("has more than one private key")
	}
	if err := checkPrivate(key); err != nil {
		return err
	}
	id.key, _ = key.(crypto.Signer)
	return nil
}

// InForce returns an error when the certificate has expired at the time given, or
// is not valid yet.
func (id *Identity) InForce(now time.Time) error {
	own := id.Chain[0]
	switch {
	case now.After(own.NotAfter):
		return fmt.Errorf("the certificate has expired on %s", own.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(own.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s", own.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// Key returns the private key as PEM, in one form whatever it came in.
func (id *Identity) Key() (secret.String, error) {
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return secret.String{}, fmt.Errorf("encode private key: %w", err)
	}
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), nil
}

// TLS returns the identity for package tls.
func (id *Identity) TLS() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: id.key, Leaf: id.Chain[0]}
	for _, link := range id.Chain {
		c.Certificate = append(c.Certificate, link.Raw)
	}
	return c
}
