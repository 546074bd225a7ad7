package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestRekey goes from plain to one key and on to the next, and says so.
func TestRekey(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	testkit.Endpoint(t, s, testkit.Tenant(t, s), "https://user:hush-4711@example.com/", func(e *store.Endpoint) {
		e.Headers = secret.HideAll(map[string]string{"X-Key": "hush-4712"})
	})
	a, b := secret.NewKey("a").Reveal(), secret.NewKey("b").Reveal()
	rekey := func(keys string) (string, error) {
		out, err := do(t, map[string]string{"POSTRIDER_DATABASE_URL": url, "POSTRIDER_SECRET_KEYS": keys}, "rekey")
		require.NotContains(t, out, "hush")
		return out, err
	}
	_, err := rekey("")
	require.ErrorContains(t, err, "set POSTRIDER_SECRET_KEYS")
	said, err := rekey(a)
	require.NoError(t, err)
	require.Contains(t, said, "endpoints.userinfo: 1 encrypted, 0 not")
	require.Contains(t, said, "3 under key a\n")
	require.NotContains(t, said, "removed")

	_, err = rekey(b)
	require.ErrorContains(t, err, `"a"`)
	said, err = rekey(b + "," + a)
	require.NoError(t, err)
	require.Contains(t, said, "3 under key b\n")
	require.Contains(t, said, "under key a any more: it can be removed")
	said, err = rekey(b)
	require.NoError(t, err)
	require.Contains(t, said, "0 encrypted")
}
