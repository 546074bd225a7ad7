package secret_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
)

// key is one of a fixed value, so that the corpus of the fuzz target stays good.
func key(id string) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(id[:1], 32)))
}

func ring(t require.TestingT, ids ...string) *secret.Ring {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = key(id)
	}
	r, err := secret.ParseRing(secret.New(strings.Join(texts, ",")))
	require.NoError(t, err)
	return r
}

func places() *rapid.Generator[secret.Place] {
	return rapid.Custom(func(t *rapid.T) secret.Place {
		var p secret.Place
		ids := rapid.SliceOfN(rapid.Byte(), 16, 16)
		copy(p.Tenant[:], ids.Draw(t, "tenant"))
		copy(p.Endpoint[:], ids.Draw(t, "endpoint"))
		p.Field = rapid.StringN(0, 20, -1).Draw(t, "field")
		return p
	})
}

// TestSealedOpensWhereItWasSealed is what a Ring is for: the text comes back, in its
// place, with all keys that there were, and nowhere else.
func TestSealedOpensWhereItWasSealed(t *testing.T) {
	t.Parallel()
	before, during, after := ring(t, "a"), ring(t, "b", "a"), ring(t, "b")
	rapid.Check(t, func(t *rapid.T) {
		text := secret.New(rapid.String().Draw(t, "text"))
		at, elsewhere := places().Draw(t, "place"), places().Draw(t, "elsewhere")
		sealed := before.Seal(text, at)
		require.NotEqual(t, sealed, before.Seal(text, at), "the nonce is used again")
		for _, r := range []*secret.Ring{before, during} {
			opened, err := r.Open(sealed, at)
			require.NoError(t, err)
			require.True(t, text.Equal(opened))
		}
		_, err := after.Open(sealed, at)
		missing := new(secret.MissingKeyError)
		require.ErrorAs(t, err, &missing)
		require.Equal(t, "a", missing.ID)
		if at != elsewhere {
			_, err = before.Open(sealed, elsewhere)
			require.ErrorIs(t, err, secret.ErrTampered)
		}
		id, ok := secret.KeyID(during.Seal(text, at))
		require.True(t, ok)
		require.Equal(t, "b", id)
	})
}

// TestMovedByOneFieldDoesNotOpen moves a secret by each part of its place alone.
func TestMovedByOneFieldDoesNotOpen(t *testing.T) {
	t.Parallel()
	r := ring(t, "a")
	at := secret.Place{Tenant: event.NewID(), Endpoint: event.NewID(), Field: "key"}
	sealed := r.Seal(secret.New("text"), at)
	tenant, endpoint, field, swapped := at, at, at, at
	tenant.Tenant = event.NewID()
	endpoint.Endpoint = event.NewID()
	field.Field = "headers"
	swapped.Tenant, swapped.Endpoint = at.Endpoint, at.Tenant
	for _, p := range []secret.Place{tenant, endpoint, field, swapped} {
		_, err := r.Open(sealed, p)
		require.ErrorIs(t, err, secret.ErrTampered)
	}
}

// TestTamperingIsFound changes one character of a sealed text.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	r := ring(t, "a", "b")
	rapid.Check(t, func(t *rapid.T) {
		at := places().Draw(t, "place")
		sealed := []byte(r.Seal(secret.New(rapid.String().Draw(t, "text")), at))
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "index")
		c := rapid.Byte().Draw(t, "byte")
		if sealed[i] == c {
			return
		}
		sealed[i] = c
		_, err := r.Open(string(sealed), at)
		require.Error(t, err)
	})
}

// TestSameIDOtherKey sees that a key is not known by its id alone.
func TestSameIDOtherKey(t *testing.T) {
	t.Parallel()
	other, err := secret.ParseRing(secret.NewKey("a"))
	require.NoError(t, err)
	_, err = other.Open(ring(t, "a").Seal(secret.New("text"), secret.Place{}), secret.Place{})
	require.ErrorIs(t, err, secret.ErrTampered)
}

// TestWithoutKeys sees that what is plain stays so, whatever it looks like, and can be
// read by a ring with keys.
func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	none, err := secret.ParseRing(secret.New(" \n,\n"))
	require.NoError(t, err)
	require.Nil(t, none)
	require.Empty(t, none.First())
	require.False(t, none.Has("a"))
	sealed := ring(t, "a").Seal(secret.New("text"), secret.Place{})
	for _, text := range []string{"", "text", sealed, "plain:text"} {
		stored := none.Seal(secret.New(text), secret.Place{})
		for _, r := range []*secret.Ring{none, ring(t, "a")} {
			opened, err := r.Open(stored, secret.Place{})
			require.NoError(t, err)
			require.Equal(t, text, opened.Reveal())
		}
	}
	_, err = none.Open(sealed, secret.Place{})
	require.ErrorContains(t, err, `"a"`)
}

func TestParseRing(t *testing.T) {
	t.Parallel()
	good := strings.TrimPrefix(key("k"), "k:")
	for name, c := range map[string]struct{ text, fault string }{
		"two by comma":   {key("a") + "," + key("b"), ""},
		"two by line":    {"\n" + key("a") + "\r\n  " + key("b") + "\n\n", ""},
		"no id":          {good, "must be id:base64"},
		"empty id":       {":" + good, "must be id:base64"},
		"a space inside": {"a b:" + good, "must be id:base64"},
		"long id":        {strings.Repeat("a", 33) + ":" + good, "must be id:base64"},
		"no base64":      {"a:" + mark, "base64 of 32 bytes"},
		"short":          {"a:" + base64.StdEncoding.EncodeToString([]byte(mark)), "base64 of 32 bytes"},
		"twice":          {key("a") + "," + key("a"), `"a" comes twice`},
		"second is bad":  {key("a") + ",b", "secret key 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := secret.ParseRing(secret.New(c.text))
			if c.fault == "" {
				require.NoError(t, err)
				require.Equal(t, "a", r.First())
				require.True(t, r.Has("b"))
				return
			}
			require.ErrorContains(t, err, c.fault)
			require.NotContains(t, err.Error(), mark)
			require.NotContains(t, err.Error(), good)
		})
	}
}

// FuzzOpen opens anything: it may fail, and it must not panic; what opens is what is
// marked plain, or was sealed here before.
func FuzzOpen(f *testing.F) {
	r := ring(f, "a", "b")
	f.Add(r.Seal(secret.New("text"), secret.Place{}))
	for _, text := range []string{"", "plain:", "plain:text", "sealed:1:a:", "sealed:1:a:AAAA", "sealed:1:c:AAAA", "sealed:1::", "sealed:2:a:AAAA"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		opened, err := r.Open(stored, secret.Place{Field: "elsewhere"})
		if strings.HasPrefix(stored, "plain:") {
			require.NoError(t, err)
			require.Equal(t, stored[len("plain:"):], opened.Reveal())
			return
		}
		require.Error(t, err)
		require.True(t, opened.IsZero())
		if _, ok := secret.KeyID(stored); !ok {
			require.ErrorIs(t, err, secret.ErrForm)
		}
	})
}

// FuzzParseRing reads anything as keys.
func FuzzParseRing(f *testing.F) {
	f.Add(key("a") + "," + key("b"))
	f.Add("a:,\n:")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := secret.ParseRing(secret.New(text))
		if err != nil || r == nil {
			return
		}
		opened, err := r.Open(r.Seal(secret.New(text), secret.Place{}), secret.Place{})
		require.NoError(t, err)
		require.Equal(t, text, opened.Reveal())
	})
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, "a", "b")
	at := secret.Place{Tenant: event.NewID(), Endpoint: event.NewID(), Field: "key"}
	for _, size := range []int{38, 1024} {
		sealed := r.Seal(secret.New(strings.Repeat("x", size)), at)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Open(sealed, at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
