package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"
)

// The prefixes of a key's text form, by Standard Webhooks 1.0.0.
const (
	prefixSymmetric = "whsec_"
	prefixPrivate   = "whsk_"
	prefixPublic    = "whpk_"
)

// Sizes of symmetric secrets in bytes, before base64. The standard says 24 to
// 64; Svix accepts up to 75, and keys made there must stay valid here.
const (
	minSecret       = 24
	maxSecret       = 75
	generatedSecret = 24
)

const redacted = "[redacted]"

// KeyError says what is wrong with the text of a key. It never contains any
// part of that text, so it may be shown and logged. Match with errors.Is
// against the constants, or with errors.As for all of them.
type KeyError string

// What can be wrong with the text of a key.
const (
	// ErrKeyPrefix: the text does not start with a prefix legal at this place.
	ErrKeyPrefix KeyError = "key must start with whsec_ or whsk_ (to verify: whsec_ or whpk_)"
	// ErrKeyEncoding: what follows the prefix is not padded, canonical base64.
	ErrKeyEncoding KeyError = "key is not standard base64 after its prefix"
	// ErrKeyLength: the decoded key has the wrong number of bytes.
	ErrKeyLength KeyError = "key has the wrong length: whsec_ takes 24 to 75 bytes, whsk_ 64, whpk_ 32"
	// ErrKeyMismatch: the public half of a whsk_ key does not belong to its
	// private half. Signing with such a pair can give the private half away.
	ErrKeyMismatch KeyError = "key has a public half that does not belong to its private half"
)

// Error returns the fixed text of e.
func (e KeyError) Error() string { return string(e) }

// Key signs deliveries: HMAC-SHA256 (whsec_, gives "v1" signatures) or ed25519
// (whsk_, gives "v1a"). It is immutable and safe for concurrent use. Whatever
// prints, logs or marshals a Key sees a placeholder; only Reveal and Public
// give the secret away. The zero Key signs nothing.
type Key struct {
	// A closure, because it is the one thing that package fmt, and whatever else
	// prints by reflection, never looks into. A field of bytes or a pointer comes
	// out under wrong verbs and where a Key is another struct's unexported field.
	open func() material
}

// material is what a Key hides. One field is set; in the zero Key's, none.
type material struct {
	secret  []byte             // of a symmetric key
	private ed25519.PrivateKey // of an asymmetric key
}

func hide(m material) Key {
	return Key{open: func() material { return m }}
}

func (k Key) material() material {
	if k.open == nil {
		return material{}
	}
	return k.open()
}

// ParseKey reads the stored form of a key: "whsec_" and the base64 of 24 to 75
// bytes, or "whsk_" and the base64 of a 64-byte ed25519 key, private half
// first. The error is a KeyError.
func ParseKey(s string) (Key, error) {
	if encoded, ok := strings.CutPrefix(s, prefixSymmetric); ok {
		secret, err := decode(encoded, minSecret, maxSecret)
		if err != nil {
			return Key{}, err
		}
		return hide(material{secret: secret}), nil
	}
	encoded, ok := strings.CutPrefix(s, prefixPrivate)
	if !ok {
		return Key{}, ErrKeyPrefix
	}
	raw, err := decode(encoded, ed25519.PrivateKeySize, ed25519.PrivateKeySize)
	if err != nil {
		return Key{}, err
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !bytes.Equal(private, raw) {
		return Key{}, ErrKeyMismatch
	}
	return hide(material{private: private}), nil
}

// GenerateKey makes a symmetric key of 24 random bytes.
func GenerateKey() Key {
	return hide(material{secret: random(generatedSecret)})
}

// GenerateEd25519Key makes an asymmetric key. It signs some 50 times slower
// than a symmetric one, but the receiver holds nothing that must stay secret.
func GenerateEd25519Key() Key {
	return hide(material{private: ed25519.NewKeyFromSeed(random(ed25519.SeedSize))})
}

// Reveal returns the stored form, which ParseKey reads: the secret itself. It
// is meant for the encrypted column of the store and for nothing else.
func (k Key) Reveal() string {
	switch m := k.material(); {
	case m.secret != nil:
		return encode(prefixSymmetric, m.secret)
	case m.private != nil:
		return encode(prefixPrivate, m.private)
	default:
		return ""
	}
}

// Public returns what the endpoint's owner needs to verify deliveries: the
// public half ("whpk_…") of an asymmetric key, but the secret itself
// ("whsec_…") of a symmetric one. So it is for the owner's eyes, not for logs.
func (k Key) Public() string {
	private := k.material().private
	if private == nil {
		return k.Reveal()
	}
	return encode(prefixPublic, private[ed25519.SeedSize:])
}

// String returns a placeholder.
func (Key) String() string { return redacted }

// GoString returns a placeholder.
func (Key) GoString() string { return redacted }

// LogValue returns a placeholder.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns a placeholder; a Key is stored by Reveal only.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns a placeholder; a Key is stored by Reveal only.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// decode returns the bytes of padded base64, if there are least to most of
// them. One key has one text: line breaks, which the decoder would skip, and
// stray bits in the last digit are refused.
func decode(encoded string, least, most int) ([]byte, error) {
	if strings.ContainsAny(encoded, "\r\n") {
		return nil, ErrKeyEncoding
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, ErrKeyEncoding // err would quote a part of the key
	}
	if len(raw) < least || len(raw) > most {
		return nil, ErrKeyLength
	}
	return raw, nil
}

func encode(prefix string, raw []byte) string {
	return prefix + base64.StdEncoding.EncodeToString(raw)
}

// random returns n bytes of the system's generator, which cannot fail.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
