package signature_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/signature"
)

// The keys of the published test vectors.
const (
	symmetric  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	asymmetric = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	public     = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	of := func(prefix string, n int) string {
		return prefix + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n))
	}
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"symmetric":                 {symmetric, nil},
		"asymmetric":                {asymmetric, nil},
		"shortest":                  {of("whsec_", 24), nil},
		"longest":                   {of("whsec_", 75), nil},
		"too short":                 {of("whsec_", 23), signature.ErrKeyLength},
		"too long":                  {of("whsec_", 76), signature.ErrKeyLength},
		"nothing after the prefix":  {"whsec_", signature.ErrKeyLength},
		"nothing":                   {"", signature.ErrKeyPrefix},
		"no prefix":                 {strings.TrimPrefix(symmetric, "whsec_"), signature.ErrKeyPrefix},
		"public key":                {public, signature.ErrKeyPrefix},
		"upper-case prefix":         {"WHSEC_" + symmetric[6:], signature.ErrKeyPrefix},
		"leading space":             {" " + symmetric, signature.ErrKeyPrefix},
		"trailing space":            {symmetric + " ", signature.ErrKeyEncoding},
		"line break":                {symmetric + "\n", signature.ErrKeyEncoding},
		"not base64":                {"whsec_!" + symmetric[7:], signature.ErrKeyEncoding},
		"url alphabet":              {"whsk_" + strings.ReplaceAll(asymmetric[5:], "/", "_"), signature.ErrKeyEncoding},
		"no padding":                {strings.TrimRight(asymmetric, "="), signature.ErrKeyEncoding},
		"stray bits":                {strings.Replace(asymmetric, "Kvg==", "Kvh==", 1), signature.ErrKeyEncoding},
		"seed only":                 {of("whsk_", 32), signature.ErrKeyLength},
		"halves of different pairs": {of("whsk_", 64), signature.ErrKeyMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := signature.ParseKey(tc.text)
			require.ErrorIs(t, err, tc.want)
			if tc.want == nil {
				require.Equal(t, tc.text, key.Reveal())
				return
			}
			var typed signature.KeyError
			require.ErrorAs(t, err, &typed)
			require.Empty(t, key.Reveal())
		})
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	require.Equal(t, symmetric, parse(t, symmetric).Public())
	require.Equal(t, public, parse(t, asymmetric).Public())
	require.Empty(t, signature.Key{}.Public())
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for name, generate := range map[string]func() signature.Key{
		"symmetric": signature.GenerateKey, "ed25519": signature.GenerateEd25519Key,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := generate(), generate()
			require.NotEqual(t, a.Reveal(), b.Reveal())
			require.Equal(t, a.Reveal(), parse(t, a.Reveal()).Reveal())
		})
	}
}

// TestRedaction prints, logs and marshals keys by every way that there is, and
// looks for what must not come out: the base64 text, hexadecimal, and the bytes
// as decimal numbers.
func TestRedaction(t *testing.T) {
	t.Parallel()
	for _, text := range []string{symmetric, asymmetric} {
		key := parse(t, text)
		held := struct {
			Name string
			Key  signature.Key
			Many []*signature.Key
			own  signature.Key // fmt calls no methods on it
		}{"endpoint", key, []*signature.Key{&key}, key}

		var out bytes.Buffer
		for _, verb := range "vsqxXdobcUteEfFgGpT" {
			for _, flag := range []string{"", "+", "#", " "} {
				_, _ = fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", key)
				_, _ = fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", &key)
				_, _ = fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", held)
			}
		}
		out.WriteString(key.String() + key.GoString())
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "key", key, "pointer", &key, "held", held)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "key", key, "pointer", &key, "held", held)
		require.NoError(t, json.NewEncoder(&out).Encode(held))
		require.NoError(t, json.NewEncoder(&out).Encode(map[string]any{"key": key, "pointer": &key}))
		asText, err := key.MarshalText()
		require.NoError(t, err)
		out.Write(asText)

		_, encoded, _ := strings.Cut(text, "_")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		require.NoError(t, err)
		printed := strings.ToLower(out.String())
		require.Contains(t, printed, "[redacted]")
		for _, leak := range []string{
			encoded[:12], fmt.Sprintf("%x", raw[:4]), fmt.Sprintf("% x", raw[:4]),
			fmt.Sprintf("%d %d %d", raw[0], raw[1], raw[2]), fmt.Sprintf("%#x, %#x", raw[0], raw[1]),
		} {
			require.NotContains(t, printed, strings.ToLower(leak))
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{symmetric, asymmetric, public, "", "whsec_", "whsk_=", "whsec_\n" + symmetric[6:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := signature.ParseKey(text)
		if err != nil {
			var typed signature.KeyError
			require.ErrorAs(t, err, &typed)
			return
		}
		require.Equal(t, text, key.Reveal(), "a key has one text only")
		_, err = signature.NewVerifier(0, key.Public())
		require.NoError(t, err)
	})
}

func parse(tb testing.TB, text string) signature.Key {
	tb.Helper()
	key, err := signature.ParseKey(text)
	require.NoError(tb, err)
	return key
}
