package signature

import (
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// DefaultTolerance is how far a delivery's timestamp may be from the
// receiver's clock, either way, in the reference libraries of the standard.
const DefaultTolerance = 5 * time.Minute

// maxTimestamp is the end of the year 9999 in Unix seconds. Later ones are
// nonsense, and far later ones overflow the arithmetic of package time.
const maxTimestamp = 253402300799

// VerifyError says why a delivery was not accepted. Match with errors.Is
// against the constants, or with errors.As for all of them.
type VerifyError string

// Why a delivery was not accepted.
const (
	// ErrHeaderMissing: neither the webhook-* nor the svix-* headers are complete.
	ErrHeaderMissing VerifyError = "delivery lacks id, timestamp or signature header"
	// ErrTimestamp: the timestamp is not a number of Unix seconds.
	ErrTimestamp VerifyError = "delivery has a malformed timestamp"
	// ErrTooOld: the timestamp is before now by more than the tolerance.
	ErrTooOld VerifyError = "delivery is too old"
	// ErrTooNew: the timestamp is after now by more than the tolerance.
	ErrTooNew VerifyError = "delivery is from the future"
	// ErrNoMatch: no signature was made by any of the keys.
	ErrNoMatch VerifyError = "delivery has no matching signature"
)

// Error returns the fixed text of e.
func (e VerifyError) Error() string { return string(e) }

// Verifier checks deliveries on the receiving side. It is immutable and safe
// for concurrent use. The zero Verifier accepts nothing.
type Verifier struct {
	tolerance time.Duration
	secrets   [][]byte
	publics   []ed25519.PublicKey
}

// NewVerifier accepts deliveries signed by any of the keys, given in the form
// of Key.Public ("whsec_…" or "whpk_…"), not older or newer than tolerance. A
// tolerance of zero lets only the very second pass; see DefaultTolerance. The
// error wraps a KeyError.
func NewVerifier(tolerance time.Duration, keys ...string) (Verifier, error) {
	v := Verifier{tolerance: tolerance}
	for i, text := range keys {
		if err := v.add(text); err != nil {
			return Verifier{}, fmt.Errorf("parse key %d: %w", i, err)
		}
	}
	return v, nil
}

func (v *Verifier) add(text string) error {
	if encoded, ok := strings.CutPrefix(text, prefixSymmetric); ok {
		secret, err := decode(encoded, minSecret, maxSecret)
		v.secrets = append(v.secrets, secret)
		return err
	}
	encoded, ok := strings.CutPrefix(text, prefixPublic)
	if !ok {
		return ErrKeyPrefix
	}
	public, err := decode(encoded, ed25519.PublicKeySize, ed25519.PublicKeySize)
	v.publics = append(v.publics, public)
	return err
}

// Verify checks the headers and the exact bytes of the body of a delivery
// received at now. It reads the webhook-* headers if they are complete and the
// svix-* ones otherwise, never some of each. The error is a VerifyError.
//
// It does not remember deliveries: within the tolerance a replayed one passes,
// and is recognised by its id. Its cost grows with the number of signatures
// sent; the server's limit on headers is what bounds it.
func (v Verifier) Verify(h http.Header, body []byte, now time.Time) error {
	id, timestamp, signatures := fields(h, "Webhook-")
	if id == "" || timestamp == "" || signatures == "" {
		id, timestamp, signatures = fields(h, "Svix-")
	}
	if id == "" || timestamp == "" || signatures == "" {
		return ErrHeaderMissing
	}
	if err := v.checkAge(timestamp, now); err != nil {
		return err
	}
	if !v.match(signatures, []byte(id+"."+timestamp+"."), body) {
		return ErrNoMatch
	}
	return nil
}

// fields takes a canonical prefix, so that Get need not make one.
func fields(h http.Header, prefix string) (id, timestamp, signatures string) {
	return h.Get(prefix + "Id"), h.Get(prefix + "Timestamp"), h.Get(prefix + "Signature")
}

func (v Verifier) checkAge(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 || seconds > maxTimestamp {
		return ErrTimestamp
	}
	age := now.Truncate(time.Second).Sub(time.Unix(seconds, 0))
	switch {
	case age > v.tolerance:
		return ErrTooOld
	case age < -v.tolerance:
		return ErrTooNew
	default:
		return nil
	}
}

// match reports whether one of the signatures was made by one of the keys.
// Comparisons take the same time wherever the texts differ.
func (v Verifier) match(signatures string, head, body []byte) bool {
	for _, secret := range v.secrets {
		want := appendSymmetric(nil, secret, head, body)
		for got := range strings.SplitSeq(signatures, " ") {
			if subtle.ConstantTimeCompare([]byte(got), want) == 1 {
				return true
			}
		}
	}
	if len(v.publics) == 0 {
		return false
	}
	message := join(head, body)
	for got := range strings.SplitSeq(signatures, " ") {
		encoded, ok := strings.CutPrefix(got, schemeAsymmetric)
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(raw) != ed25519.SignatureSize {
			continue
		}
		for _, public := range v.publics {
			if ed25519.Verify(public, message, raw) {
				return true
			}
		}
	}
	return false
}
