package token_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/token"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	key, hidden := token.NewKey()
	text := hidden.Reveal()
	require.NotContains(t, fmt.Sprint(hidden), text[4:])
	require.Regexp(t, `^prk_[0-9A-Za-z]{27}_[a-z2-7]{52}$`, text)
	got, err := token.ParseKey(text)
	require.NoError(t, err)
	require.Equal(t, key, got)

	other, _ := token.NewKey()
	require.NotEqual(t, key.Digest, other.Digest)
	id, secret := text[:31], text[32:]
	for name, bad := range map[string]string{
		"empty": "", "prefix": "prk_", "id": id, "no secret": id + "_", "short": text[:len(text)-1], "long": text + "a",
		"capitals": id + "_" + strings.ToUpper(secret), "no base32": id + "_" + strings.Repeat("1", 52),
		"no prefix": text[4:], "spare bits": id + "_" + strings.Repeat("a", 51) + "b", "mistyped id": strings.Replace(text, id[10:11], "!", 1),
		"another kind of id": event.Tenant.Format(key.ID) + "_" + secret,
	} {
		_, err := token.ParseKey(bad)
		require.ErrorIs(t, err, token.ErrInvalid, name)
	}
}

// FuzzParseKey reads keys that callers send: each has one text only.
func FuzzParseKey(f *testing.F) {
	_, hidden := token.NewKey()
	text := hidden.Reveal()
	for _, seed := range []string{text, text + "=", strings.ToUpper(text), "prk_", "_", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := token.ParseKey(text)
		if err != nil {
			require.ErrorIs(t, err, token.ErrInvalid)
			return
		}
		require.True(t, strings.HasPrefix(text, event.APIKey.Format(key.ID)+"_"))
		require.Equal(t, strings.ToLower(text[len(text)-52:]), text[len(text)-52:])
	})
}
