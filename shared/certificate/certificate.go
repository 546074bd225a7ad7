// Package certificate reads what people paste when they set up TLS for an
// endpoint: a client certificate with its key, or the certificates of
// authorities. What it takes is small, strong enough, and cheap to use, since a
// handshake with it is work for us.
package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds on what is read.
const (
	MaxIdentity = 32 << 10 // bytes of PEM
	MaxBundle   = 64 << 10

	maxChain  = 10
	maxBundle = 50

	// A signature with a longer RSA key takes milliseconds, and with an endless one
	// for ever: verifying is quicker, but who owns an authority may choose its key.
	minRSA       = 2048
	maxRSA       = 4096
	maxBundleRSA = 8192
)

const typeCertificate = "CERTIFICATE"

// What is wrong with a text. All errors of this package are for whoever wrote it
// and show nothing of it.
var (
	errNoPEM      = errors.New("is not PEM: it must have lines such as -----BEGIN CERTIFICATE-----")
	errEncrypted  = errors.New("the private key has a passphrase: it must have none")
	errUnreadable = errors.New("a certificate cannot be read")
)

// ParseBundle reads the certificates of one or more authorities, or of a server
// that is its own, in PEM. Each must be in force at the time given, or later.
func ParseBundle(text string, now time.Time) ([]*x509.Certificate, error) {
	if len(text) > MaxBundle {
		return nil, fmt.Errorf("must not be longer than %d bytes", MaxBundle)
	}
	blocks, err := decode(text)
	if err != nil {
		return nil, err
	}
	var bundle []*x509.Certificate
	for _, block := range blocks {
		if block.Type != typeCertificate {
			return nil, errors.New("must hold certificates only")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errUnreadable
		}
		if err := checkPublic(c.PublicKey); err != nil {
			return nil, err
		}
		if now.After(c.NotAfter) {
			return nil, fmt.Errorf("a certificate has expired on %s", c.NotAfter.UTC().Format(time.DateOnly))
		}
		bundle = append(bundle, c)
	}
	if len(bundle) > maxBundle {
		return nil, fmt.Errorf("must not be more than %d certificates", maxBundle)
	}
	return bundle, nil
}

// checkPublic refuses keys that would take long to verify a signature with.
func checkPublic(key any) error {
	if k, ok := key.(*rsa.PublicKey); ok && k.N.BitLen() > maxBundleRSA {
		return fmt.Errorf("an RSA key must not be longer than %d bits", maxBundleRSA)
	}
	return nil
}

// checkPrivate refuses keys that TLS does not take, that are weak, or that would
// take long to sign with.
func checkPrivate(key crypto.PrivateKey) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Errorf("an RSA key must have %d to %d bits", minRSA, maxRSA)
		}
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P224() {
			return errors.New("an ECDSA key must be of P-256, P-384 or P-521")
		}
	case ed25519.PrivateKey:
	default:
		return errors.New("the private key must be RSA, ECDSA or Ed25519")
	}
	return nil
}

// decode takes a text apart. There is at least one block.
func decode(text string) ([]*pem.Block, error) {
	var blocks []*pem.Block
	rest := []byte(text)
	for {
		block, more := pem.Decode(rest)
		if block == nil {
			break
		}
		blocks, rest = append(blocks, block), more
	}
	// What is no block at the end was to be one, if it begins like one.
	if len(blocks) == 0 || strings.Contains(string(rest), "-----BEGIN") {
		return nil, errNoPEM
	}
	return blocks, nil
}

// Encode returns certificates as PEM, and nothing of the text that they came in.
func Encode(certificates []*x509.Certificate) string {
	var text strings.Builder
	for _, c := range certificates {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: c.Raw}))
	}
	return text.String()
}

// Decode reads what Encode wrote. Of an empty text it is none.
func Decode(text string) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errUnreadable
		}
		certificates = append(certificates, c)
	}
	return certificates, nil
}

// Fingerprint is the SHA-256 of a certificate, in hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
