package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
)

// KeyPrefix is how every API key begins, so that scanners for leaked secrets
// find one: prk_[0-9A-Za-z]{27}_[a-z2-7]{52}. The part up to the second
// underscore is the key's id, with a check sum in it.
const KeyPrefix = string(event.APIKey)

const secretBytes = 32

// Key is what identifies an API key. The secret itself is kept by whoever has
// the key, and nobody else.
type Key struct {
	ID     event.ID
	Digest [sha256.Size]byte // of the secret, which is random, so that no salt is needed
}

// NewKey makes a key and its text.
func NewKey() (key Key, text secret.String) {
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand.Read aborts the process instead
	key = Key{ID: event.NewID(), Digest: sha256.Sum256(random)}
	return key, secret.New(event.APIKey.Format(key.ID) + "_" + encode(random))
}

// ParseKey reads the text of a key. It returns ErrInvalid for what cannot be
// one.
func ParseKey(text string) (Key, error) {
	at := strings.LastIndexByte(text, '_')
	if at < 0 {
		return Key{}, ErrInvalid
	}
	id, err := event.APIKey.Parse(text[:at])
	if err != nil {
		return Key{}, ErrInvalid
	}
	random, err := alphabet.DecodeString(text[at+1:])
	if err != nil || len(random) != secretBytes || encode(random) != text[at+1:] {
		return Key{}, ErrInvalid
	}
	return Key{ID: id, Digest: sha256.Sum256(random)}, nil
}

func encode(random []byte) string { return alphabet.EncodeToString(random) }

// alphabet has neither capitals nor signs, so that a double click marks the key
// as a whole.
var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
