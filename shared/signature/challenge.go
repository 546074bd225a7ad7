package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
)

// Answers reports whether the response is what a receiver answers to a challenge that
// knows one of the keys: the HMAC-SHA512 of the challenge, in hex. Of an asymmetric
// key the receiver knows the public half, which is what it keys the HMAC with.
//
// It is not SHA-256, by which deliveries are signed, so that no answer is ever a
// signature: a receiver that answers whatever it is asked, by whoever asks, gives
// nothing away.
func Answers(keys []Key, challenge, response string) bool {
	given, err := hex.DecodeString(response)
	if err != nil {
		return false
	}
	found := false
	for _, k := range keys {
		if known := k.known(); known != nil && hmac.Equal(given, answer(known, challenge)) {
			found = true
		}
	}
	return found
}

// Answer is what a receiver answers to a challenge; see Answers. It uses the first of
// the verifier's keys, and is empty without any. Verify the delivery before: only the
// installation whose key this is has a right to an answer.
func (v Verifier) Answer(challenge string) string {
	switch {
	case len(v.secrets) > 0:
		return hex.EncodeToString(answer(v.secrets[0], challenge))
	case len(v.publics) > 0:
		return hex.EncodeToString(answer(v.publics[0], challenge))
	default:
		return ""
	}
}

// known is the part of the key that its receiver knows, nil for the zero Key.
func (k Key) known() []byte {
	m := k.material()
	if m.private != nil {
		return m.private[ed25519.SeedSize:]
	}
	return m.secret
}

func answer(key []byte, challenge string) []byte {
	mac := hmac.New(sha512.New, key)
	mac.Write([]byte(challenge))
	return mac.Sum(nil)
}
