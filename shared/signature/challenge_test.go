package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/signature"
)

// The answer of this key to this challenge, by
//
//	printf %s 4ZUPRIQGBVKJRRC5QYSB7GBGKR | openssl dgst -sha512 -mac HMAC -macopt hexkey:$(printf %s MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | xxd -p)
const (
	challengeKey    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	challenge       = "4ZUPRIQGBVKJRRC5QYSB7GBGKR"
	challengeAnswer = "3b3dab4e83b1902e3e7be9f56153abddf9c82bfcc17a9c3a24145990af149b8b6fa732ba78bfd9fee62259d41bd539987009c813252d6231064e95822c8c943c"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	key, err := signature.ParseKey(challengeKey)
	require.NoError(t, err)
	other, pair := signature.GenerateKey(), signature.GenerateEd25519Key()
	by := func(k signature.Key) string {
		v, err := signature.NewVerifier(signature.DefaultTolerance, k.Public())
		require.NoError(t, err)
		return v.Answer(challenge)
	}
	require.Equal(t, challengeAnswer, by(key))
	wrongHash := hmac.New(sha256.New, []byte("a"))
	for name, c := range map[string]struct {
		keys   []signature.Key
		answer string
		want   bool
	}{
		"as openssl has it":        {[]signature.Key{key}, challengeAnswer, true},
		"in capitals":              {[]signature.Key{key}, strings.ToUpper(challengeAnswer), true},
		"with one of two keys":     {[]signature.Key{other, key}, challengeAnswer, true},
		"with the other":           {[]signature.Key{other, key}, by(other), true},
		"with a public key":        {[]signature.Key{pair}, by(pair), true},
		"with a key of another":    {[]signature.Key{key}, by(other), false},
		"with somebody's public":   {[]signature.Key{key, pair}, by(signature.GenerateEd25519Key()), false},
		"without the last digit":   {[]signature.Key{key}, challengeAnswer[:127], false},
		"with a digit more":        {[]signature.Key{key}, challengeAnswer + "00", false},
		"nothing":                  {[]signature.Key{key}, "", false},
		"the challenge itself":     {[]signature.Key{key}, challenge, false},
		"and in hex":               {[]signature.Key{key}, hex.EncodeToString([]byte(challenge)), false},
		"another hash":             {[]signature.Key{key}, hex.EncodeToString(wrongHash.Sum(nil)), false},
		"no key":                   {nil, challengeAnswer, false},
		"the zero key":             {[]signature.Key{{}}, challengeAnswer, false},
		"the zero key and nothing": {[]signature.Key{{}}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, signature.Answers(c.keys, challenge, c.answer))
		})
	}
	require.Empty(t, signature.Verifier{}.Answer(challenge))
}
