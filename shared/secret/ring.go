package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/postrider/postrider/shared/event"
)

const (
	keyBytes = 32 // AES-256
	maxKeyID = 32
)

// What a stored text starts with. A sealed one reads sealed:1:<key id>:<base64>.
const (
	prefixSealed = "sealed:1:"
	prefixPlain  = "plain:"
)

// What can be wrong with a stored text. None says anything of the text. Whose key is
// missing says a [MissingKeyError].
var (
	// ErrForm: it is not what Seal returns.
	ErrForm = errors.New("stored secret has no known form")
	// ErrTampered: the key is there, and it is not what was sealed with it for this
	// place. It was changed, moved, or sealed with another key of the same id.
	ErrTampered = errors.New("stored secret was changed, belongs elsewhere, or was sealed with another key of the same id")
)

// MissingKeyError says that a text is sealed with a key that the ring does not have.
type MissingKeyError struct{ ID string }

// Error names the key, by its id.
func (e *MissingKeyError) Error() string { return fmt.Sprintf("secret key %q is missing", e.ID) }

// Place is where a secret is stored. It is sealed into it: what is moved to another
// tenant, endpoint or field does not open there.
type Place struct {
	Tenant   event.ID
	Endpoint event.ID // zero: of the tenant, or the installation
	Field    string
}

// Ring holds the keys that secrets are sealed with: the first one seals, all of them
// open, so a key can be replaced while everything runs. It is immutable and safe for
// concurrent use. A nil Ring has no keys and leaves everything plain.
//
// Secrets are sealed with AES-256-GCM under random nonces: one key is good for 2^32
// of them.
type Ring struct{ keys []ringKey }

type ringKey struct {
	id   string
	aead cipher.AEAD
}

// ParseRing reads keys as id:base64, the base64 of 32 random bytes each, separated by
// commas or line breaks. An id is up to 32 letters, digits, "-" and "_" and is not
// secret. No keys are a nil Ring. No error shows anything of a key.
func ParseRing(text String) (*Ring, error) {
	var ring Ring
	for entry := range strings.FieldsFuncSeq(text.Reveal(), func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		key, err := parseKey(entry)
		if err != nil {
			return nil, fmt.Errorf("secret key %d: %w", len(ring.keys)+1, err)
		}
		if ring.key(key.id) != nil {
			return nil, fmt.Errorf("secret key %q comes twice", key.id)
		}
		ring.keys = append(ring.keys, key)
	}
	if len(ring.keys) == 0 {
		return nil, nil //nolint:nilnil // a Ring without keys
	}
	return &ring, nil
}

func parseKey(entry string) (ringKey, error) {
	id, encoded, ok := strings.Cut(entry, ":")
	if !ok || !isKeyID(id) {
		return ringKey{}, errors.New("must be id:base64, the id of letters, digits, - and _")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != keyBytes { // err would quote a part of the key
		return ringKey{}, fmt.Errorf("what follows the id %q must be the base64 of %d bytes", id, keyBytes)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return ringKey{}, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return ringKey{}, fmt.Errorf("make cipher: %w", err)
	}
	return ringKey{id: id, aead: aead}, nil
}

func isKeyID(id string) bool {
	return id != "" && len(id) <= maxKeyID && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
}

// NewKey makes a key with the id, in the form that ParseRing reads.
func NewKey(id string) String {
	var raw [keyBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand.Read aborts the process instead
	return New(id + ":" + base64.StdEncoding.EncodeToString(raw[:]))
}

// First returns the id of the key that seals, empty when the ring has none.
func (r *Ring) First() string {
	if r == nil {
		return ""
	}
	return r.keys[0].id
}

// Has reports whether the ring has the key of this id.
func (r *Ring) Has(id string) bool { return r.key(id) != nil }

func (r *Ring) key(id string) cipher.AEAD {
	if r == nil {
		return nil
	}
	for _, k := range r.keys {
		if k.id == id {
			return k.aead
		}
	}
	return nil
}

// Seal returns the form in which to store a text at its place, different each time:
// sealed with the first key, or marked plain when the ring has none.
func (r *Ring) Seal(plain String, at Place) string {
	if r == nil {
		return prefixPlain + plain.Reveal()
	}
	head := prefixSealed + r.keys[0].id + ":"
	box := r.keys[0].aead.Seal(nil, nil, []byte(plain.Reveal()), at.bind(head)) //nolint:gosec // it makes the nonce itself
	return head + base64.RawStdEncoding.EncodeToString(box)
}

// Open returns the text that was stored at a place. Its errors are ErrForm,
// ErrTampered and *MissingKeyError. That a text is plain, and by whom it was written,
// it does not promise.
func (r *Ring) Open(stored string, at Place) (String, error) {
	if plain, ok := strings.CutPrefix(stored, prefixPlain); ok {
		return New(plain), nil
	}
	id, ok := KeyID(stored)
	if !ok {
		return String{}, ErrForm
	}
	aead := r.key(id)
	if aead == nil {
		return String{}, &MissingKeyError{ID: id}
	}
	head := prefixSealed + id + ":"
	encoded := stored[len(head):]
	if strings.ContainsAny(encoded, "\r\n") { // which the decoder would skip
		return String{}, ErrTampered
	}
	box, err := base64.RawStdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return String{}, ErrTampered
	}
	plain, err := aead.Open(nil, nil, box, at.bind(head))
	if err != nil {
		return String{}, ErrTampered
	}
	return New(string(plain)), nil
}

// KeyID tells with which key a stored text is sealed. ok is false when it is not.
func KeyID(stored string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(stored, prefixSealed)
	if !ok {
		return "", false
	}
	id, _, ok = strings.Cut(rest, ":")
	return id, ok && isKeyID(id)
}

// bind is what is sealed in beside the text, and not stored: ids have one length and
// the head ends at its last colon, so no two places have the same.
func (p Place) bind(head string) []byte {
	bound := make([]byte, 0, len(head)+2*len(p.Tenant)+len(p.Field))
	bound = append(bound, head...)
	bound = append(bound, p.Tenant[:]...)
	bound = append(bound, p.Endpoint[:]...)
	return append(bound, p.Field...)
}
