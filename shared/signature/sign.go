// Package signature signs deliveries, and verifies them, as Standard Webhooks
// 1.0.0 says (https://www.standardwebhooks.com): over the bytes of
// "id.timestamp.body", as "v1" (HMAC-SHA256) or "v1a" (ed25519), with several
// keys at once while an endpoint's key is being rotated.
package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// What a signature in the header starts with.
const (
	schemeSymmetric  = "v1,"
	schemeAsymmetric = "v1a,"
)

// longest is the length of the longest signature in the header, a "v1a", and
// of the space after it.
const longest = len(schemeAsymmetric) + (ed25519.SignatureSize+2)/3*4 + 1

// Header returns the value of the webhook-signature header: one signature for
// each key, in their order, separated by spaces. The timestamp is that of the
// attempt and counts in whole seconds; send the same one, as Unix seconds, in
// webhook-timestamp. The id must not come from a user or must not contain a
// ".", or one message could pass for another.
//
// The body is hashed where it is; only for ed25519, which reads its message
// twice, it is copied, once for all keys.
func Header(keys []Key, id string, timestamp time.Time, body []byte) string {
	head := make([]byte, 0, len(id)+len(".-9223372036854775808."))
	head = append(head, id...)
	head = append(head, '.')
	head = strconv.AppendInt(head, timestamp.Unix(), 10)
	head = append(head, '.')

	out := make([]byte, 0, len(keys)*longest)
	var message []byte
	for _, k := range keys {
		switch m := k.material(); {
		case m.secret != nil:
			out = appendSymmetric(out, m.secret, head, body)
		case m.private != nil:
			if message == nil {
				message = join(head, body)
			}
			out = append(out, schemeAsymmetric...)
			out = base64.StdEncoding.AppendEncode(out, ed25519.Sign(m.private, message))
		default:
			continue
		}
		out = append(out, ' ')
	}
	return string(bytes.TrimSuffix(out, []byte{' '}))
}

// appendSymmetric appends the "v1" signature of head and body to dst.
func appendSymmetric(dst, secret, head, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(head)
	mac.Write(body)
	var sum [sha256.Size]byte
	dst = append(dst, schemeSymmetric...)
	return base64.StdEncoding.AppendEncode(dst, mac.Sum(sum[:0]))
}

func join(head, body []byte) []byte {
	message := make([]byte, 0, len(head)+len(body))
	message = append(message, head...)
	return append(message, body...)
}
