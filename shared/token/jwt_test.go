package token_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/token"
)

const secret = "a secret of some length"

func sign(t *testing.T, method jwt.SigningMethod, key any, claims map[string]any) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, jwt.MapClaims(claims)).SignedString(key)
	require.NoError(t, err)
	return text
}

func at(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// operator is what Svix's server writes into the tokens of operators.
func operator(changes ...map[string]any) map[string]any {
	claims := map[string]any{
		"iss": "svix-server", "sub": token.Organization, "iat": at(0), "nbf": at(0), "exp": at(10 * 365 * 24 * time.Hour),
	}
	for _, c := range changes {
		maps.Copy(claims, c)
	}
	return claims
}

func member(changes ...map[string]any) map[string]any {
	id := event.NewID()
	claims := map[string]any{
		"sub": event.Tenant.Format(event.NewID()), "org": token.Organization, "jti": event.Token.Format(id),
		"iat": at(0), "nbf": at(0), "exp": at(time.Hour),
	}
	for _, c := range changes {
		maps.Copy(claims, c)
	}
	return claims
}

func TestOperatorsTokens(t *testing.T) {
	t.Parallel()
	s := token.NewSecret(secret)
	made, err := s.SignOperator(time.Now().Add(time.Hour))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"ours":               made,
		"Svix's":             sign(t, jwt.SigningMethodHS256, []byte(secret), operator()),
		"HS384":              sign(t, jwt.SigningMethodHS384, []byte(secret), operator()),
		"HS512":              sign(t, jwt.SigningMethodHS512, []byte(secret), operator()),
		"for ever":           sign(t, jwt.SigningMethodHS256, []byte(secret), map[string]any{"sub": token.Organization}),
		"clocks that differ": sign(t, jwt.SigningMethodHS256, []byte(secret), operator(map[string]any{"iat": at(30 * time.Second), "nbf": at(30 * time.Second)})),
	} {
		subject, err := s.Check(text)
		require.NoError(t, err, name)
		require.True(t, subject.Operator, name)
		require.Nil(t, subject.Member, name)
	}
}

func TestMembersTokens(t *testing.T) {
	t.Parallel()
	s := token.NewSecret(secret)
	want := token.Member{
		ID: event.NewID(), Tenant: event.NewID(), Session: "s", Capabilities: []string{"ViewBase"}, ReadOnly: true,
		FeatureFlags: []string{"f"},
	}
	want.Expires = want.ID.Time().Truncate(time.Second).Add(token.MaxLife).Local()
	text, err := s.SignMember(&want)
	require.NoError(t, err)
	subject, err := s.Check(text)
	require.NoError(t, err)
	require.Equal(t, token.Subject{Member: &want, Expires: want.Expires}, subject)
}

// TestBadTokens: whatever is wrong, nobody is believed.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	key := []byte(secret)
	hs := jwt.SigningMethodHS256
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	require.NoError(t, err)
	pemPublic := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	good := sign(t, hs, key, operator())
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	for name, text := range map[string]string{
		"empty": "", "no JWT": "pr_token", "dots": "..", "secret": secret,
		"alg none":                   sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, operator()),
		"alg none, signed":           none + "." + parts[1] + "." + parts[2],
		"alg none, no signature":     none + "." + parts[1] + ".",
		"RS256":                      sign(t, jwt.SigningMethodRS256, private, operator()),
		"PS256":                      sign(t, jwt.SigningMethodPS256, private, operator()),
		"EdDSA":                      sign(t, jwt.SigningMethodEdDSA, edwards, operator()),
		"public key as HMAC's":       sign(t, hs, pemPublic, operator()),
		"other secret":               sign(t, hs, []byte("another secret of some length"), operator()),
		"empty secret":               sign(t, hs, []byte{}, operator()),
		"no signature":               parts[0] + "." + parts[1] + ".",
		"other claims":               parts[0] + "." + strings.Split(sign(t, hs, []byte("x"), member()), ".")[1] + "." + parts[2],
		"signature cut":              good[:len(good)-1],
		"signature padded":           good + "=",
		"signature's spare bits set": good[:len(good)-1] + spare(good[len(good)-1]),
		"a part more":                good + ".x",
		"expired":                    sign(t, hs, key, operator(map[string]any{"exp": at(-2 * time.Minute)})),
		"not yet":                    sign(t, hs, key, operator(map[string]any{"nbf": at(5 * time.Minute)})),
		"made in the future":         sign(t, hs, key, operator(map[string]any{"iat": at(5 * time.Minute)})),
		"exp is text":                sign(t, hs, key, operator(map[string]any{"exp": "never"})),
		"no subject":                 sign(t, hs, key, map[string]any{"exp": at(time.Hour)}),
		"other organization":         sign(t, hs, key, operator(map[string]any{"sub": "org_00000000000000000000000000"})),
		"subject is a list":          sign(t, hs, key, operator(map[string]any{"sub": []string{token.Organization}})),
		"subject is an endpoint":     sign(t, hs, key, member(map[string]any{"sub": event.Endpoint.Format(event.NewID())})),
		"subject is another's id":    sign(t, hs, key, member(map[string]any{"sub": "app_2Hc7TfKUcfsaWbwKJKbXgYWDkNi"})),
		"member of no organization":  sign(t, hs, key, member(map[string]any{"org": ""})),
		"member of another":          sign(t, hs, key, member(map[string]any{"org": "org_x"})),
		"member for ever":            sign(t, hs, key, without(member(), "exp")),
		"member for too long":        sign(t, hs, key, member(map[string]any{"exp": at(token.MaxLife + time.Minute)})),
		"member without token id":    sign(t, hs, key, without(member(), "jti")),
		"member with a UUID":         sign(t, hs, key, member(map[string]any{"jti": "0e3c1bd4-9d0c-4d64-a7c2-2b0f4c2d9d33"})),
		"member, expired":            sign(t, hs, key, member(map[string]any{"exp": at(-2 * time.Minute)})),
	} {
		subject, err := token.NewSecret(secret).Check(text)
		require.ErrorIs(t, err, token.ErrInvalid, name)
		require.Equal(t, token.Subject{}, subject, name)
	}
	_, err = token.NewSecret(secret).Check(sign(t, hs, key, member()))
	require.NoError(t, err, "what the bad ones are made of is good")
}

// TestNoSecret: HMAC takes an empty key, so that one must be refused.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	var s token.Secret
	_, err := s.Check(sign(t, jwt.SigningMethodHS256, []byte{}, operator()))
	require.ErrorIs(t, err, token.ErrInvalid)
	_, err = s.SignOperator(time.Now().Add(time.Hour))
	require.Error(t, err)
	require.True(t, token.NewSecret("").IsZero())
}

// spare is the base64 digit that says the same as the last one of 32 bytes, but
// for bits that belong to no byte.
func spare(digit byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, digit)|1])
}

func without(claims map[string]any, name string) map[string]any {
	delete(claims, name)
	return claims
}

// TestChecker: what is remembered is what was checked, and only until it ends.
func TestChecker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := token.NewSecret(secret)
		c := token.NewChecker(s)
		for range 1000 { // more than there are places
			text := sign(t, jwt.SigningMethodHS256, []byte(secret), member())
			want, err := s.Check(text)
			require.NoError(t, err)
			for range 2 {
				got, err := c.Check(text)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			_, err = c.Check(text + "x")
			require.ErrorIs(t, err, token.ErrInvalid)
		}
		text, err := s.SignOperator(time.Now().Add(time.Hour))
		require.NoError(t, err)
		_, err = c.Check(text)
		require.NoError(t, err)
		time.Sleep(time.Hour + 2*time.Minute)
		_, err = c.Check(text)
		require.ErrorIs(t, err, token.ErrInvalid)
	})
}

// FuzzCheck offers tokens that nobody has signed with the secret.
func FuzzCheck(f *testing.F) {
	secret, other := token.NewSecret("a secret of ours"), token.NewSecret("another's secret")
	operator, err := other.SignOperator(time.Now().Add(time.Hour))
	require.NoError(f, err)
	member, err := other.SignMember(&token.Member{ID: event.NewID(), Tenant: event.NewID(), Expires: time.Now().Add(time.Hour)})
	require.NoError(f, err)
	head, _, _ := strings.Cut(operator, ".")
	for _, seed := range []string{operator, member, head + "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "..", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := secret.Check(text)
		require.ErrorIs(t, err, token.ErrInvalid)
		_, err = token.Secret{}.Check(text)
		require.ErrorIs(t, err, token.ErrInvalid)
	})
}
